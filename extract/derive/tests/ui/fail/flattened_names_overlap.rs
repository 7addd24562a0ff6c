use waylay_extract::Extract;

#[derive(Extract)]
struct Page {
    #[query(alias = "p")]
    number: u16,
}

#[derive(Extract)]
struct Deep {
    #[flatten(prefix = "page.")]
    page: Page,
}

#[derive(Extract)]
struct Show {
    #[query]
    p: String,
    #[flatten]
    page: Page,
    #[flatten(prefix = "of.")]
    deep: Deep,
    #[query("of.page.number")]
    far: u8,
    #[flatten(prefix = "of.page.")]
    again: Page,
}

fn main() {}
