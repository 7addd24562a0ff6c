//! TableSpec of a file: TOML or JSON by extension.

use std::path::Path;

use waylay_router::TableSpec;

/// Reads the table in a file's text; its extension is the format. Errors have the name of the file.
///
/// # Errors
/// The extension is neither `toml` nor `json`. What is wrong in the text is an error of the build.
pub fn table_spec(path: &Path, text: &str) -> Result<TableSpec, String> {
    let spec = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => TableSpec::toml(text),
        Some("json") => TableSpec::json(text),
        _ => return Err(format!("{}: a table is a file `*.toml` or `*.json`", path.display())),
    };
    Ok(spec.named(path))
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
            let text = errors.to_string();
            assert_eq!(text.matches(&format!("({file}:")).count(), 2, "{text}");
            assert!(text.contains(&format!("({file}:2)")) && text.contains("`Host`"), "{text}");
        }
        let error = table_spec(Path::new("t.yaml"), "").unwrap_err();
        assert_eq!(error, "t.yaml: a table is a file `*.toml` or `*.json`");
    }
}
