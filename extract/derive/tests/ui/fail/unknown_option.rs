use waylay_extract::Extract;

#[derive(Extract)]
#[extract(rename_al = "camelCase")]
struct Show {
    #[query(defualt = 1)]
    page: u16,
    #[param(csv)]
    id: u64,
    #[extension(clone)]
    pool: u8,
}

#[derive(Extract)]
#[extract(rename_all = "camelcase", limit = "2 MB", max_items = "many")]
struct Other {
    #[query = "page"]
    page: u16,
    #[query(csv = true, default)]
    ids: Vec<u16>,
    #[query("a", "b")]
    twice: u16,
    #[json(alias = 3)]
    title: String,
}

fn main() {}
