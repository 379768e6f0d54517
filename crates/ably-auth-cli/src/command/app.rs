//! `ably-auth app`

use http::Method;
use serde_json::{Value, json};

use super::control::{self, Control};
use crate::args::App;
use crate::draw::printable;
use crate::output::{Failure, Outcome};
use crate::prompt;

pub(crate) fn run(command: App) -> Result<Outcome, Failure> {
    match command {
        App::Create { name, account, control } => {
            let account = control::id("--account", &account)?;
            let body = json!({ "name": name });
            let app = Control::new(&control)?.call(Method::POST, &["accounts", account, "apps"], Some(&body))?;
            Ok(Outcome::yes(printable(control::text(&app, "id")), &app))
        }
        App::List { account, control } => {
            let account = control::id("--account", &account)?;
            let apps = Control::new(&control)?.call(Method::GET, &["accounts", account, "apps"], None)?;
            let lines: Vec<_> = apps.as_array().into_iter().flatten().map(line).collect();
            Ok(Outcome::yes(lines.join("\n"), &apps))
        }
        App::Delete { app_id, yes, control } => {
            let app_id = control::id("the app id", &app_id)?;
            let question = format!("delete the app {app_id}, its keys and every token made from them permanently?");
            if !yes && !prompt::is_possible() {
                let text = "not confirmed, so nothing was deleted: there is no terminal to ask at; give --yes";
                return Err(Failure::Input(text.into()));
            }
            if !yes && !prompt::confirm(&question)? {
                return Err(Failure::Input("not confirmed, so nothing was deleted; answer `y`, or give --yes".into()));
            }
            Control::new(&control)?.call(Method::DELETE, &["apps", app_id], None)?;
            Ok(Outcome::yes(format!("deleted {app_id}"), &json!({ "id": app_id, "deleted": true })))
        }
    }
}

/// Formats an app as a line: its id, its state and its name.
fn line(app: &Value) -> String {
    let text = |name| control::text(app, name);
    printable(&format!("{}  {}  {}", text("id"), text("status"), text("name")))
}
