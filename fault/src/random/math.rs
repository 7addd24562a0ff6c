//! ln, exp and normal quantile, bit-identical on every platform.
//!
//! The functions of `std` come from the platform's C library and may differ in the last bit. Two
//! replicas that must agree on a delay cannot use them.

use std::f64::consts::{LN_2, SQRT_2};

/// Returns the standard normal quantile: Wichura, "Algorithm AS 241: The Percentage Points of the
/// Normal Distribution", Applied Statistics 37 (1988), routine PPND16. `p` is strictly between 0
/// and 1.
pub(crate) fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&A, r) / polynomial(&B, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-ln(tail)).sqrt();
    let x = if r <= 5.0 {
        polynomial(&C, r - 1.6) / polynomial(&D, r - 1.6)
    } else {
        polynomial(&E, r - 5.0) / polynomial(&F, r - 5.0)
    };
    if q < 0.0 { -x } else { x }
}

/// Returns e to the power of `x`: Taylor series of degree 13 for the remainder after a power of
/// two.
pub(crate) fn exp(x: f64) -> f64 {
    // Beyond, the power of two is not a normal number; as factors of a delay both are extremes.
    if x > 700.0 {
        return f64::INFINITY;
    }
    if x < -700.0 {
        return 0.0;
    }
    let power = (x / LN_2 + 0.5).floor();
    let rest = x - power * LN_2;
    let mut sum = 1.0;
    for degree in (1..=13).rev() {
        sum = 1.0 + sum * rest / f64::from(degree);
    }
    sum * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

/// Returns the natural logarithm of a positive normal number, by the series of the inverse
/// hyperbolic tangent of degree 21.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut power = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    // A mantissa near 1 keeps the series short.
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        power += 1;
    }
    let f = (mantissa - 1.0) / (mantissa + 1.0);
    let square = f * f;
    let mut sum = 0.0;
    for degree in (1..=21).rev().step_by(2) {
        sum = sum * square + 1.0 / f64::from(degree);
    }
    2.0 * f * sum + power as f64 * LN_2
}

/// Horner's rule, highest degree first.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

// The digits of the paper, some of which exceed the precision of `f64`.
#[allow(clippy::excessive_precision)]
const A: [f64; 8] = [
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080,
];

#[allow(clippy::excessive_precision)]
const B: [f64; 8] = [
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
];

#[allow(clippy::excessive_precision)]
const C: [f64; 8] = [
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258,
    3.64784832476320460504,
    5.76949722146069140550,
    4.63033784615654529590,
    1.42343711074968357734,
];

#[allow(clippy::excessive_precision)]
const D: [f64; 8] = [
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940,
    2.05319162663775882187,
    1.0,
];

#[allow(clippy::excessive_precision)]
const E: [f64; 8] = [
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580,
    5.46378491116411436990,
    6.65790464350110377720,
];

#[allow(clippy::excessive_precision)]
const F: [f64; 8] = [
    2.04426310033993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the platform's functions, which are exact to the last bit or two.
    #[test]
    fn series_agree_with_std() {
        for step in 1..20_000 {
            let x = f64::from(step - 10_000) * 0.0317;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-13, "exp {x}");
            let x = f64::from(step) * 7.3e-5 * f64::from(step);
            assert!((ln(x) - x.ln()).abs() < 1e-14 * (1.0 + x.ln().abs()), "ln {x}");
        }
        assert!((ln(1.0) - 0.0).abs() < f64::MIN_POSITIVE);
        assert_eq!((exp(0.0), exp(800.0), exp(-800.0)), (1.0, f64::INFINITY, 0.0));
    }

    /// The paper's own check values for PPND16.
    #[test]
    fn quantile_matches_the_paper() {
        for (p, x) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_814),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((quantile(p) / x - 1.0).abs() < 1e-15, "{p}: {}", quantile(p));
        }
    }
}
