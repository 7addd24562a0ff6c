use waylay_extract::Extract;

#[derive(Extract)]
struct Create {
    #[json]
    title: String,
}

#[derive(Extract)]
struct Owned {
    #[state]
    owner: String,
}

#[derive(Extract)]
struct Show {
    #[flatten]
    create: Create,
    #[flatten]
    owned: Owned,
}

fn main() {}
