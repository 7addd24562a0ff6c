//! A page that shows a document, with nothing in it that comes from elsewhere.

use super::document::OpenApi;

const PAGE: &str = include_str!("page.html");

impl OpenApi {
    /// An HTML page that shows the document: operations, parameters, schemas.
    ///
    /// It needs no other file and no network.
    ///
    /// ```
    /// use waylay_extract::OpenApiExt;
    ///
    /// let router = waylay_router::Router::builder().build()?;
    /// let page = router.openapi("A <b> B", "1").page();
    /// assert!(page.contains("A \\u003cb> B") && !page.contains("<b>"));
    /// # Ok::<(), waylay_router::BuildErrors>(())
    /// ```
    pub fn page(&self) -> String {
        // No text of the document can end the script that it stands in.
        let json = self.as_value().to_string().replace('<', "\\u003c");
        PAGE.replace("\"DOCUMENT\"", &json)
    }
}
