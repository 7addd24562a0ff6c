use axum_core::extract::FromRequestParts;
use waylay_extract::Extract;

#[derive(Extract)]
struct Show<'r> {
    #[header]
    accept: &'r str,
}

fn argument<T: FromRequestParts<()>>() {}
fn extract<T: Extract>() {}

fn main() {
    argument::<Show<'static>>();
    extract::<Show<'static>>();
}
