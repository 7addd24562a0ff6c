use waylay_extract::Extract;

struct Plain;

fn read<T: Extract>() {}

fn main() {
    read::<Plain>();
}
