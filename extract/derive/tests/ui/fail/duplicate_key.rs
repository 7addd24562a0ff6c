use waylay_extract::Extract;

#[derive(Extract)]
#[extract(rename_all = "camelCase")]
struct Show {
    #[query]
    page_size: u16,
    #[query("pageSize")]
    size: u16,
    #[header]
    if_match: String,
    #[header("If-Match")]
    etag: String,
    #[json]
    title: String,
    #[json]
    #[serde(rename = "title")]
    name: String,
    #[query("title")]
    same_key_elsewhere: String,
}

fn main() {}
