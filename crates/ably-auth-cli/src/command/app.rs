//! `ably-auth app`

use http::Method;
use serde_json::json;

use super::control::{self, Control};
use crate::args::App;
use crate::draw::printable;
use crate::output::{Failure, Outcome};

pub(crate) fn run(App::Create { name, account, control }: App) -> Result<Outcome, Failure> {
    let account = control::id("--account", &account)?;
    let app =
        Control::new(&control)?.call(Method::POST, &["accounts", account, "apps"], Some(&json!({ "name": name })))?;
    Ok(Outcome::yes(printable(control::text(&app, "id")), &app))
}
