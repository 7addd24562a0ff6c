use waylay_extract::Extract;

#[derive(Extract)]
struct Tuple(u64);

#[derive(Extract)]
struct Unit;

#[derive(Extract)]
enum Either {
    One,
}

fn main() {}
