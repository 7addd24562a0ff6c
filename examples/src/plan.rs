//! Fault plans of the programs: the option `--plan`, the check of a file, a set that follows one.

use std::io;
use std::path::{Path, PathBuf};

use waylay_fault::{Event, FaultPlan, FaultSet, FileSource, Phase, PlanFormat, PlanRegistry, SetEvent};

/// What `--plan` requires: a file, or `check` and a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanCommand {
    /// Apply the plan, and every edit of it.
    Follow(PathBuf),
    /// Check the plan, print what it does, and exit.
    Check(PathBuf),
}

impl PlanCommand {
    /// Reads the values of the option.
    ///
    /// # Errors
    /// The values are neither a file nor `check` and a file.
    pub fn parse(values: &[String]) -> Result<Option<Self>, String> {
        match values {
            [] => Ok(None),
            [file] if file == "check" => Err("--plan check needs a file".to_owned()),
            [file] => Ok(Some(Self::Follow(file.into()))),
            [check, file] if check == "check" => Ok(Some(Self::Check(file.into()))),
            [other, ..] => {
                Err(format!("--plan takes a file, or `check` and a file, not `{other}` and another value"))
            }
        }
    }
}

/// Returns what the plan in a file does.
///
/// # Errors
/// The file cannot be read, or everything that is wrong with the plan.
pub fn check(path: &Path) -> Result<String, String> {
    Ok(load(path)?.summary())
}

/// Returns the plan in a file. The programs register no custom injectors, so a plan that names one is wrong.
///
/// # Errors
/// As [`check`].
pub fn load(path: &Path) -> Result<FaultPlan, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let Some(format) = PlanFormat::from_extension(path) else {
        return Err(named(&"the name of a plan ends in .toml, .json, .yaml or .yml"));
    };
    let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
    FaultPlan::parse_with(&text, format, &PlanRegistry::new()).map_err(|errors| named(&errors))
}

/// Puts a set under the plan in a file, and under every edit of it, from now on.
///
/// # Errors
/// The end of the file's name is not that of a format.
pub fn follow(path: &Path, set: &FaultSet) -> io::Result<()> {
    let (source, set) = (FileSource::new(path)?, set.clone());
    tokio::spawn(async move { set.follow(source).await });
    Ok(())
}

/// Logs an event of a set: expected changes as information, all others as warnings.
pub fn log_event(event: &SetEvent) {
    match event {
        SetEvent::Applied { .. } | SetEvent::Rearmed => tracing::info!("{event}"),
        _ => tracing::warn!("{event}"),
    }
}

/// Logs each injection.
pub fn log_injection(event: &Event<'_>) {
    if event.phase() == Phase::Started {
        tracing::info!("{event}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_takes_a_file_or_a_check() {
        let parse = |values: &[&str]| {
            PlanCommand::parse(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&["a.toml"]), Ok(Some(PlanCommand::Follow("a.toml".into()))));
        assert_eq!(parse(&["check", "a.toml"]), Ok(Some(PlanCommand::Check("a.toml".into()))));
        assert!(parse(&["check"]).is_err() && parse(&["a.toml", "b.toml"]).is_err());
    }

    #[test]
    fn the_sample_plan_is_valid() {
        let summary = check(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/plan.toml"))).unwrap_or_default();
        assert!(summary.starts_with("plan checkout-drill for staging, seed = 42"), "{summary}");
        assert_eq!(summary.lines().count(), 5);
    }
}
