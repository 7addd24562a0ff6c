//! TableSpec of a file: TOML or JSON by extension, with readable errors.

use std::path::Path;

use waylay_router::{BuildError, TableSpec};

/// Reads the table in a file's text; its extension is the format.
///
/// # Errors
/// The extension is neither `toml` nor `json`. What is wrong in the text is an error of the build.
pub fn table_spec(path: &Path, text: &str) -> Result<TableSpec, String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(TableSpec::toml(text)),
        Some("json") => Ok(TableSpec::json(text)),
        _ => Err(format!("{}: a table is a file `*.toml` or `*.json`", path.display())),
    }
}

/// Lists errors of a table once each, led by the name of its file.
pub fn describe_errors<'e>(path: &Path, errors: impl IntoIterator<Item = &'e BuildError>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for error in errors {
        let line = format!("{}: {error}", path.display());
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use waylay_router::Router;

    #[test]
    fn formats_are_known_by_extension_and_errors_have_the_file() {
        for (file, text) in [
            ("a/t.toml", "\n[[routes]]\nrule = 'Hots(`a`)'\n[[routes]]\nrule = 'Path(`/{`)'\n"),
            ("a/t.json", "{\"routes\": [\n{\"rule\": \"Hots(`a`)\"},\n{\"rule\": \"Path(`/{`)\"}]}"),
        ] {
            let path = Path::new(file);
            let spec = table_spec(path, text).unwrap();
            let errors =
                Router::builder().spec(&spec, |_, route| Ok(route.to(async || ""))).build().unwrap_err();
            let text = describe_errors(path, errors.iter());
            assert_eq!(text.matches(&format!("{file}: route ")).count(), 2, "{text}");
            assert!(text.contains("line 2") && text.contains("`Host`"), "{text}");
        }
        let error = table_spec(Path::new("t.yaml"), "").unwrap_err();
        assert_eq!(error, "t.yaml: a table is a file `*.toml` or `*.json`");
    }
}
