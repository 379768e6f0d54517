//! Rules that the compiler does not check.

mod arrows;
mod files;
mod imports;
mod links;
mod manifests;
mod prose;
mod rooms;
mod weight;

pub(crate) use weight::bare_dependencies;

use crate::workspace::Workspace;
use crate::{Complaints, Result};

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let mut complaints = arrows::check(&workspace.packages);
    complaints.extend(manifests::check(&workspace.published()));
    complaints.extend(files::check()?);
    complaints.extend(links::check()?);
    complaints.extend(prose::check()?);
    complaints.extend(rooms::check()?);
    complaints.extend(weight::check(&workspace.published())?);
    if complaints.is_empty() {
        println!("tidy");
        return Ok(());
    }
    Err(Complaints(complaints))
}
