//! The JSON schema of a table's file.

use super::model::TableSpec;

impl TableSpec {
    /// The JSON schema (draft 2020-12) of a table's file, for editors and for checks before a table ships.
    ///
    /// ```
    /// let schema = waylay_router::TableSpec::json_schema();
    /// assert_eq!(schema["properties"]["routes"]["type"], "array");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).into()
    }
}
