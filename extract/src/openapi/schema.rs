//! TextSchema, SchemaSet: the JSON schemas of types.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::{fmt, num};

use serde_json::{Map, Value, json};

/// A text type with its JSON Schema.
///
/// A type without it is described by utoipa's `ToSchema` or schemars' `JsonSchema`, with the features of
/// these names, else as a string.
///
/// ```
/// use serde_json::{Value, json};
/// use waylay_extract::TextSchema;
///
/// struct Slug(String);
///
/// impl TextSchema for Slug {
///     fn text_schema() -> Value {
///         json!({"type": "string", "pattern": "^[a-z-]+$"})
///     }
/// }
///
/// assert_eq!(u8::text_schema(), json!({"type": "integer", "minimum": 0, "maximum": 255}));
/// # let _ = Slug("a".into()).0;
/// ```
pub trait TextSchema {
    /// Returns the type's JSON Schema (draft 2020-12).
    fn text_schema() -> Value;
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl TextSchema for $ty {
            fn text_schema() -> Value {
                json!({"type": "integer", "minimum": <$ty>::MIN, "maximum": <$ty>::MAX})
            }
        }
    )*};
}

integers! { i8 i16 i32 u8 u16 u32 num::NonZeroU8 num::NonZeroU16 num::NonZeroU32 }

macro_rules! texts {
    ($($ty:ty: $schema:tt,)*) => {$(
        impl TextSchema for $ty {
            fn text_schema() -> Value {
                json!($schema)
            }
        }
    )*};
}

texts! {
    i64: {"type": "integer", "format": "int64"},
    i128: {"type": "integer"},
    isize: {"type": "integer"},
    u64: {"type": "integer", "format": "int64", "minimum": 0},
    u128: {"type": "integer", "minimum": 0},
    usize: {"type": "integer", "minimum": 0},
    num::NonZeroU64: {"type": "integer", "format": "int64", "minimum": 1},
    num::NonZeroUsize: {"type": "integer", "minimum": 1},
    f32: {"type": "number", "format": "float"},
    f64: {"type": "number", "format": "double"},
    bool: {"type": "boolean"},
    char: {"type": "string", "minLength": 1, "maxLength": 1},
    str: {"type": "string"},
    String: {"type": "string"},
    Box<str>: {"type": "string"},
    Arc<str>: {"type": "string"},
    Cow<'_, str>: {"type": "string"},
    IpAddr: {"type": "string"},
    Ipv4Addr: {"type": "string", "format": "ipv4"},
    Ipv6Addr: {"type": "string", "format": "ipv6"},
    SocketAddr: {"type": "string"},
}

macro_rules! foreign {
    ($(#[$cfg:meta] $ty:ty: $format:literal,)*) => {$(
        #[$cfg]
        impl TextSchema for $ty {
            fn text_schema() -> Value {
                json!({"type": "string", "format": $format})
            }
        }
    )*};
}

foreign! {
    #[cfg(feature = "uuid")] uuid::Uuid: "uuid",
    #[cfg(feature = "jiff")] jiff::Timestamp: "date-time",
    #[cfg(feature = "jiff")] jiff::civil::Date: "date",
    #[cfg(feature = "chrono")] chrono::DateTime<chrono::FixedOffset>: "date-time",
    #[cfg(feature = "chrono")] chrono::DateTime<chrono::Utc>: "date-time",
    #[cfg(feature = "chrono")] chrono::NaiveDate: "date",
    #[cfg(feature = "time")] time::OffsetDateTime: "date-time",
    #[cfg(feature = "time")] time::Date: "date",
}

/// Returns the schema of an enumeration of texts.
pub fn choices(texts: &[&str]) -> Value {
    json!({"type": "string", "enum": texts})
}

/// Returns the schema of a single type; by default that of a string.
pub fn text_schema(schema_fn: SchemaFn) -> Value {
    schema_fn(&mut SchemaSet::default()).unwrap_or_else(|| json!({"type": "string"}))
}

impl<T: TextSchema + ?Sized> TextSchema for &T {
    fn text_schema() -> Value {
        T::text_schema()
    }
}

/// The schemas of an operation that have names.
#[derive(Default)]
pub struct SchemaSet {
    pub(crate) schemas: Map<String, Value>,
    #[cfg(feature = "schemars")]
    generator: Option<schemars::SchemaGenerator>,
}

impl fmt::Debug for SchemaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaSet").field("schemas", &self.schemas).finish_non_exhaustive()
    }
}

/// The position of schemas in a document.
pub(crate) const SCHEMAS: &str = "#/components/schemas/";

impl SchemaSet {
    /// Returns a reference to a named schema; the schema itself if the name is taken by another one.
    #[cfg_attr(not(feature = "utoipa"), expect(dead_code, reason = "used with the feature `utoipa`"))]
    pub(crate) fn refer(&mut self, name: &str, schema: Value) -> Value {
        // Containers have one name for all element types.
        const CONTAINERS: [&str; 9] =
            ["Vec", "Option", "HashMap", "BTreeMap", "HashSet", "BTreeSet", "Box", "Arc", "Value"];
        if CONTAINERS.contains(&name) {
            return schema;
        }
        match self.schemas.get(name) {
            Some(known) if *known != schema => schema,
            _ => {
                self.schemas.insert(name.to_owned(), schema);
                json!({"$ref": format!("{SCHEMAS}{name}")})
            }
        }
    }

    /// Returns all schemas.
    pub(crate) fn finish(self) -> Map<String, Value> {
        #[cfg(feature = "schemars")]
        if let Some(mut generator) = self.generator {
            let mut schemas = self.schemas;
            for (name, schema) in generator.take_definitions(true) {
                schemas.entry(name).or_insert(schema);
            }
            return schemas;
        }
        self.schemas
    }
}

/// A function that returns the schema of a type, if it is known.
pub(crate) type SchemaFn = fn(&mut SchemaSet) -> Option<Value>;

/// A field's type in generated code; see `ReadDispatch` for how the trait is chosen.
pub struct SchemaDispatch<T>(PhantomData<fn() -> T>);

impl<T> SchemaDispatch<T> {
    /// Returns a value without content.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for SchemaDispatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SchemaDispatch")
    }
}

/// The first choice: `TextSchema`.
pub trait SchemaByText {
    /// Returns the function for the schema.
    fn schema_fn(&self) -> SchemaFn;
}

impl<T: TextSchema> SchemaByText for &&&SchemaDispatch<T> {
    fn schema_fn(&self) -> SchemaFn {
        |_| Some(T::text_schema())
    }
}

/// The second choice: `ToSchema` of utoipa.
pub trait SchemaByUtoipa {
    /// Returns the function for the schema.
    fn schema_fn(&self) -> SchemaFn;
}

#[cfg(feature = "utoipa")]
impl<T: utoipa::ToSchema> SchemaByUtoipa for &&SchemaDispatch<T> {
    fn schema_fn(&self) -> SchemaFn {
        |schemas| {
            let mut inner = Vec::new();
            T::schemas(&mut inner);
            for (name, schema) in inner {
                if let Ok(schema) = serde_json::to_value(schema) {
                    schemas.schemas.entry(name).or_insert(schema);
                }
            }
            let schema = serde_json::to_value(T::schema()).ok()?;
            Some(schemas.refer(&T::name(), schema))
        }
    }
}

/// The third choice: `JsonSchema` of schemars.
pub trait SchemaBySchemars {
    /// Returns the function for the schema.
    fn schema_fn(&self) -> SchemaFn;
}

#[cfg(feature = "schemars")]
impl<T: schemars::JsonSchema> SchemaBySchemars for &SchemaDispatch<T> {
    fn schema_fn(&self) -> SchemaFn {
        |schemas| {
            let generator = schemas.generator.get_or_insert_with(|| {
                let settings = schemars::generate::SchemaSettings::draft2020_12();
                let place = |settings: &mut schemars::generate::SchemaSettings| {
                    settings.definitions_path = "/components/schemas".into();
                    settings.meta_schema = None;
                };
                settings.with(place).into_generator()
            });
            Some(generator.subschema_for::<T>().to_value())
        }
    }
}

/// The last choice: no schema.
pub trait SchemaByNone {
    /// Returns the function for the schema.
    fn schema_fn(&self) -> SchemaFn;
}

impl<T> SchemaByNone for SchemaDispatch<T> {
    fn schema_fn(&self) -> SchemaFn {
        |_| None
    }
}
