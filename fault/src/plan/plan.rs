//! FaultPlan: faults and guards as a document.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::error::{FaultErrorKind, FaultErrors};
use crate::fault::guards::Guards;
use crate::fault::registry::PlanRegistry;
use crate::plan::build::{self, Defaults, Groups};
use crate::plan::data::{Data, Table};
use crate::plan::error::{ErrorList, PlanErrors};
use crate::plan::format::write;
use crate::plan::json_schema::schema;
use crate::plan::node::{MAX_TEXT, Node, Value};
use crate::plan::plan_shapes::{PLAN, check_fault_partly, plan_key};
use crate::plan::supplied::Supplied;

/// Faults and their guards as a document, read from TOML, JSON or YAML.
///
/// The schema is that of [`plans`](crate::plans), and the same in the three formats. A plan is
/// checked as a whole when it is read: unknown keys, wrong values and faults that cannot be built
/// are all reported together, each with its place. Its [`Display`](fmt::Display) is TOML that reads
/// back to an equal plan.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use waylay_fault::{FaultPlan, FaultSet};
///
/// let plan = FaultPlan::from_toml(r#"
///     version = 1
///     environments = ["staging"]
///     ttl = "15m"
///
///     [[fault]]
///     name = "slow-cart"
///     participation = 0.02
///     allow_paths = ["/cart/*"]
///     slow = { distribution = "lognormal", median = "90ms", sigma = 0.4, max = "2s" }
/// "#)?;
/// assert_eq!(FaultPlan::from_toml(&plan.to_string())?, plan);
///
/// let set = FaultSet::builder().environment("staging").build();
/// set.apply(&plan)?;
/// assert_eq!(set.plan(), Some(plan));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FaultPlan {
    pub(crate) data: Arc<Table>,
}

/// The format of a plan's text. Each needs the feature of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlanFormat {
    /// TOML 1.1.
    Toml,
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2, without anchors, aliases and tags.
    Yaml,
}

impl PlanFormat {
    /// Returns the format of a file by its extension: `toml`, `json`, `yaml` or `yml`.
    pub fn from_extension(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

impl FaultPlan {
    /// Reads a plan in this format.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with line, column and caret. A text of more than
    /// 256 KiB is not looked at.
    ///
    /// Names of custom injectors are not checked: only the set that applies the plan knows them, and
    /// [`parse_with`](Self::parse_with).
    pub fn parse(text: &str, format: PlanFormat) -> Result<Self, PlanErrors> {
        Self::parse_with(text, format, &PlanRegistry::open())
    }

    /// Reads a plan in this format, which may name what is in the registry and nothing else.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and names of custom injectors that the registry does not have. Secrets
    /// need not be there until the plan is applied.
    pub fn parse_with(text: &str, format: PlanFormat, registry: &PlanRegistry) -> Result<Self, PlanErrors> {
        let mut errors = ErrorList::default();
        if text.len() > MAX_TEXT {
            let message = format!("the text has {} bytes; a plan has at most {MAX_TEXT}", text.len());
            errors.add(0..0, message);
            // The text itself is not kept.
            return errors.or("", None);
        }
        let node = match format {
            #[cfg(feature = "toml")]
            PlanFormat::Toml => crate::plan::format::toml::read(text, &mut errors),
            #[cfg(feature = "json")]
            PlanFormat::Json => crate::plan::format::json::read(text, &mut errors),
            #[cfg(feature = "yaml")]
            PlanFormat::Yaml => crate::plan::format::yaml::read(text, &mut errors),
            #[cfg(not(all(feature = "toml", feature = "json", feature = "yaml")))]
            other => {
                let name = format!("{other:?}").to_lowercase();
                errors.add(0..0, format!("{other:?} needs the feature `{name}` of waylay-fault"));
                None
            }
        };
        let plan = node.and_then(|node| check(&node, registry, &mut errors));
        errors.or(text, plan)
    }

    /// Reads a plan in TOML.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, PlanErrors> {
        Self::parse(text, PlanFormat::Toml)
    }

    /// Reads a plan in JSON.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    #[cfg(feature = "json")]
    pub fn from_json(text: &str) -> Result<Self, PlanErrors> {
        Self::parse(text, PlanFormat::Json)
    }

    /// Reads a plan in YAML.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    #[cfg(feature = "yaml")]
    pub fn from_yaml(text: &str) -> Result<Self, PlanErrors> {
        Self::parse(text, PlanFormat::Yaml)
    }

    /// Returns the plan as TOML, as [`Display`](fmt::Display) does.
    pub fn to_toml(&self) -> String {
        write::toml(&self.data)
    }

    /// Returns the plan as JSON.
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        write::json(&Data::Table((*self.data).clone()), 0, &mut text);
        text.push('\n');
        text
    }

    /// Returns the plan as YAML.
    pub fn to_yaml(&self) -> String {
        let mut text = String::new();
        write::yaml(&Data::Table((*self.data).clone()), 0, &mut text);
        text
    }

    /// Returns the JSON Schema of plans, by which editors complete and check them.
    pub fn json_schema() -> String {
        schema()
    }

    /// Returns the id of the plan.
    pub fn id(&self) -> Option<&str> {
        self.data.text("id")
    }

    /// Returns the team behind the plan.
    pub fn owner(&self) -> Option<&str> {
        self.data.text("owner")
    }

    /// Returns the occasion of the plan.
    pub fn reason(&self) -> Option<&str> {
        self.data.text("reason")
    }

    /// Returns the environments in which the plan may be loaded.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.data.texts("environments")
    }

    /// Returns the names of the faults, in their order.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.data.tables("fault").filter_map(|fault| fault.text("name"))
    }

    /// Returns what the plan does, one line for the plan and one for each fault.
    pub fn summary(&self) -> String {
        write::summary(&self.data)
    }

    /// Returns whether the plan ends by itself.
    pub fn has_end(&self) -> bool {
        self.data.get("ttl").is_some() || self.data.get("until").is_some()
    }

    /// Returns the time to live of the plan.
    ///
    /// ```
    /// # #[cfg(feature = "toml")] {
    /// use std::time::Duration;
    /// use waylay_fault::FaultPlan;
    ///
    /// let plan = FaultPlan::from_toml("version = 1\nenvironments = ['staging']\nttl = '15m'")?;
    /// assert_eq!(plan.ttl(), Some(Duration::from_secs(900)));
    /// # }
    /// # Ok::<(), waylay_fault::PlanErrors>(())
    /// ```
    pub fn ttl(&self) -> Option<Duration> {
        self.data.time("ttl").and_then(|time| time.duration().ok())
    }

    /// Returns the guards of the plan.
    pub fn guards(&self) -> Guards {
        build::guards(&self.data)
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_toml())
    }
}

/// Checks the whole document: its shape first, then the guards and every fault by building it.
fn check(node: &Node, registry: &PlanRegistry, errors: &mut ErrorList) -> Option<FaultPlan> {
    let mut shape_errors = ErrorList::default();
    let data = PLAN.check(node, "the plan", &mut shape_errors);
    let faults = fault_nodes(node);
    let mut groups = Groups::default();
    let supplied = Supplied { registry, is_read_only: true };
    let defaults = match &data {
        Some(Data::Table(table)) => {
            if let Err(found) = build::guards(table).compile() {
                report(node, &found, table, errors);
            }
            Defaults::of(table)
        }
        _ => Defaults { is_enabled: false, seed: None, decide_by: default_key(node) },
    };
    let mut names = std::collections::HashMap::new();
    for (index, fault) in faults.iter().enumerate() {
        // What is good of a fault is built, whatever else is wrong with it.
        let Some(table) = check_fault_partly(fault) else { continue };
        if let Err(found) = build::fault(&table, &defaults, &mut groups, supplied).build() {
            report(fault, &found, &table, errors);
        }
        if let Some(name) = table.text("name")
            && let Some(first) = names.insert(name.to_owned(), index)
        {
            let message = format!("fault {} is named `{name}` already; give each its own name", first + 1);
            errors.add(fault.locate("name"), message);
        }
    }
    errors.append(shape_errors);
    match data {
        Some(Data::Table(table)) => Some(FaultPlan { data: Arc::new(table) }),
        _ => None,
    }
}

/// Adds what the builders found, each at the deepest value on the way to its setting.
fn report(at: &Node, found: &FaultErrors, table: &Table, errors: &mut ErrorList) {
    for error in found {
        if error.setting() == "name" && table.get("name").is_none() {
            continue;
        }
        let text = match error.kind() {
            // A plan has keys where a program has calls.
            FaultErrorKind::MissingMax => format!("{} has no maximum; set `max`", error.given()),
            _ => error.to_string(),
        };
        let text = text.strip_prefix(&format!("{}: ", error.setting())).unwrap_or(&text);
        errors.add(at.locate(error.setting()), format!("`{}`: {text}", error.setting()));
    }
}

fn fault_nodes(plan: &Node) -> &[Node] {
    let Value::Table(entries) = &plan.value else { return &[] };
    let exact = entries.iter().find(|entry| entry.key == "fault");
    let misspelt = || entries.iter().find(|entry| plan_key(&entry.key) == Some("fault"));
    match exact.or_else(misspelt).map(|entry| &entry.value) {
        Some(Node { value: Value::List(faults), .. }) => faults,
        // `[fault]` is an error, and so may be what it has.
        Some(fault @ Node { value: Value::Table(_), .. }) if exact.is_some() => std::slice::from_ref(fault),
        _ => &[],
    }
}

/// What faults decide by in a plan that is wrong elsewhere.
fn default_key(plan: &Node) -> Option<String> {
    let Value::Table(entries) = &plan.value else { return None };
    let entry = entries.iter().find(|entry| entry.key == "decide_by")?;
    if let Value::Text(text) = &entry.value.value { Some(text.clone()) } else { None }
}
