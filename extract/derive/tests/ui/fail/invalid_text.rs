use waylay_extract::Text;

#[derive(Text)]
#[text(rename_all = "kebap-case")]
enum Order {
    Newest,
    Oldest(u8),
    #[text("Newest")]
    Other,
    #[text(alais = "x")]
    Last,
}

#[derive(Text)]
struct Pair(u8, u8);

#[derive(Text)]
#[text(ignore_case)]
struct Id(u8);

#[derive(Text)]
struct Opaque(Unreadable);

struct Unreadable;

fn main() {}
