//! The imports between the files of a crate, read from its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A module path within a crate, without the crate itself.
pub(super) type Module = Vec<String>;

/// A file of a crate, and what it names of other modules.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) module: Module,
    /// The paths that the file uses, resolved to the crate's root.
    used: BTreeSet<Module>,
    /// The names that the file re-exports, with their paths.
    exported: BTreeMap<String, Module>,
}

/// The files of a crate by their modules.
pub(super) struct Files(pub(super) BTreeMap<Module, File>);

impl Files {
    /// Reads the files of the crate whose source is in `folder`. Test modules are left out.
    pub(super) fn read(folder: &Path) -> Self {
        let mut files = Self(BTreeMap::new());
        let library = folder.join("lib.rs");
        let root = if library.is_file() { library } else { folder.join("main.rs") };
        files.read_module(folder, &root, Vec::new());
        files
    }

    fn read_module(&mut self, folder: &Path, path: &Path, module: Module) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()));
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("cannot parse `{}`: {error}", path.display()));
        let mut names = Names { module: module.clone(), ..Names::default() };
        names.visit_file(&parsed);
        for child in &names.children {
            let inner = [module.as_slice(), std::slice::from_ref(child)].concat();
            let stem = inner.iter().fold(folder.to_path_buf(), |path, name| path.join(name));
            let file = [stem.with_extension("rs"), stem.join("mod.rs")].into_iter().find(|path| path.is_file());
            let file = file.unwrap_or_else(|| panic!("no file for module `{}`", inner.join("::")));
            self.read_module(folder, &file, inner);
        }
        let used = names.used();
        self.0.insert(module.clone(), File { path: path.into(), module, used, exported: names.exported });
    }

    /// Returns the modules of the files that a file imports from.
    pub(super) fn imports(&self, file: &File) -> BTreeSet<&Module> {
        let targets = file.used.iter().filter_map(|path| self.resolve(path, 0));
        targets.filter(|target| **target != file.module).collect()
    }

    /// Returns the module whose file defines what `path` names. Follows re-exports.
    fn resolve<'a>(&'a self, path: &[String], depth: usize) -> Option<&'a Module> {
        const MAX_DEPTH: usize = 8;
        let splits = (0..=path.len()).rev().filter_map(|split| path.split_at_checked(split));
        let (file, rest) = splits.into_iter().find_map(|(module, rest)| Some((self.0.get(module)?, rest)))?;
        let exported = rest.split_first().and_then(|(name, rest)| Some((file.exported.get(name)?, rest)));
        match exported.filter(|_| depth < MAX_DEPTH) {
            Some((target, rest)) => self.resolve(&[target.as_slice(), rest].concat(), depth + 1),
            None => Some(&file.module),
        }
    }

    /// Returns groups of files that import each other in a circle.
    pub(super) fn circles(&self) -> Vec<Vec<&File>> {
        let arrows: BTreeMap<&Module, BTreeSet<&Module>> =
            self.0.iter().map(|(module, file)| (module, self.imports(file))).collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            arrows.keys().map(|module| (*module, reach(&arrows, module))).collect();
        let reaches = |one: &Module, other: &Module| reached.get(one).is_some_and(|all| all.contains(other));
        let in_circle = |one: &Module, other: &Module| reaches(one, other) && reaches(other, one);
        let (mut circles, mut placed) = (Vec::new(), BTreeSet::new());
        for module in reached.keys().filter(|module| in_circle(module, module)) {
            if placed.contains(*module) {
                continue;
            }
            let circle: Vec<&Module> = reached.keys().copied().filter(|other| in_circle(module, other)).collect();
            placed.extend(circle.iter().copied());
            circles.push(circle.into_iter().filter_map(|module| self.0.get(module)).collect());
        }
        circles
    }
}

/// Returns the modules that a module reaches by one arrow or more.
fn reach<'a>(arrows: &BTreeMap<&'a Module, BTreeSet<&'a Module>>, start: &'a Module) -> BTreeSet<&'a Module> {
    let (mut seen, mut pending) = (BTreeSet::new(), vec![start]);
    while let Some(module) = pending.pop() {
        pending.extend(arrows.get(module).into_iter().flatten().copied().filter(|next| seen.insert(*next)));
    }
    seen
}

/// Collects the names of a file.
#[derive(Default)]
struct Names {
    module: Module,
    children: Vec<String>,
    /// The modules and items that `use` brings into scope, by their names in the file.
    imported: BTreeMap<String, Module>,
    exported: BTreeMap<String, Module>,
    /// The first segments and the full paths that the code names.
    named: Vec<Module>,
}

impl Names {
    /// Returns the resolved paths that the file uses. A name that the file only re-exports is not used.
    fn used(&self) -> BTreeSet<Module> {
        let named = |name: &String| self.named.iter().any(|path| path.first() == Some(name));
        let imported = self.imported.iter().filter(|(name, _)| !self.exported.contains_key(*name) || named(name));
        let in_code = self.named.iter().filter_map(|path| self.absolute(path));
        imported.map(|(_, path)| path.clone()).chain(in_code).collect()
    }

    /// Resolves a path to the crate's root; `None` for another crate's.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let (base, rest) = match first.as_str() {
            "crate" => (Vec::new(), rest),
            "self" => (self.module.clone(), rest),
            "super" => {
                let up = path.iter().take_while(|segment| *segment == "super").count();
                (self.module.get(..self.module.len().checked_sub(up)?)?.to_vec(), path.get(up..)?)
            }
            name if self.children.iter().any(|child| child == name) => (self.module.clone(), path),
            name => (self.imported.get(name)?.clone(), rest),
        };
        Some([base.as_slice(), rest].concat())
    }

    fn add_tree(&mut self, tree: &UseTree, mut path: Module, is_exported: bool) {
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.add_tree(&inner.tree, path, is_exported);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(tree, path.clone(), is_exported));
            }
            UseTree::Name(name) => self.add_name(&name.ident.to_string(), &name.ident.to_string(), path, is_exported),
            UseTree::Rename(name) => {
                self.add_name(&name.ident.to_string(), &name.rename.to_string(), path, is_exported);
            }
            UseTree::Glob(_) => self.add_name("self", "*", path, is_exported),
        }
    }

    fn add_name(&mut self, name: &str, alias: &str, mut path: Module, is_exported: bool) {
        let alias = if alias == "self" { path.last().cloned().unwrap_or_default() } else { alias.to_owned() };
        if name != "self" {
            path.push(name.to_owned());
        }
        if let Some(path) = self.absolute(&path) {
            if is_exported {
                self.exported.insert(alias.clone(), path.clone());
            }
            self.imported.insert(alias, path);
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_file(&mut self, file: &'ast syn::File) {
        for item in &file.items {
            if let Item::Mod(module) = item {
                if module.content.is_none() && !is_for_tests(&module.attrs) {
                    self.children.push(module.ident.to_string());
                }
            }
        }
        for item in &file.items {
            if let Item::Use(import) = item {
                let is_exported = !matches!(import.vis, syn::Visibility::Inherited);
                self.add_tree(&import.tree, Vec::new(), is_exported);
            }
        }
        visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    // The `crate` of `pub(crate)` is no import.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.named.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = |meta: &syn::MetaList| meta.tokens.to_string() == "test";
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(is_test)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a crate whose files have these texts.
    fn files(name: &str, texts: &[(&str, &str)]) -> Files {
        let folder = std::env::temp_dir().join(format!("xtask-imports-{name}-{}", std::process::id()));
        for (path, text) in texts {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = Files::read(&folder);
        fs::remove_dir_all(&folder).unwrap();
        files
    }

    fn circles(files: &Files) -> Vec<Vec<String>> {
        let names = |circle: Vec<&File>| circle.iter().map(|file| file.module.join("::")).collect();
        files.circles().into_iter().map(names).collect()
    }

    #[test]
    fn circle_of_files_is_found() {
        let files = files(
            "circle",
            &[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "use crate::b::B; pub(crate) struct A;"),
                ("b.rs", "pub(crate) struct B; fn f() -> crate::c::C { todo() }"),
                ("c.rs", "use super::a::{self, A as Other}; pub(crate) struct C;"),
            ],
        );
        assert_eq!(circles(&files), [["a", "b", "c"]]);
    }

    #[test]
    fn names_that_a_parent_exports_lead_to_their_file() {
        let files = files(
            "exports",
            &[
                ("lib.rs", "mod room; pub use room::{A, B};"),
                ("room/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
                ("room/a.rs", "pub struct A;"),
                ("room/b.rs", "use super::A; #[cfg(test)] mod tests { use super::super::*; } pub struct B(A);"),
            ],
        );
        assert_eq!(circles(&files), [[""; 0]; 0]);
        let b = &files.0[&vec!["room".to_owned(), "b".to_owned()]];
        let imports: Vec<_> = files.imports(b).into_iter().map(|module| module.join("::")).collect();
        assert_eq!(imports, ["room::a"]);
    }
}
