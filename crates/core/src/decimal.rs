//! float64 as decimal text and back, exactly. The standard library's ways come with tables of 10 KiB, a
//! third of what a small WebAssembly module may weigh, for the three numbers of a model file; this one is
//! slow and small. What it writes are the shortest digits that read back as the same number.

/// A finite float64 as `sign · 0.d₁d₂d₃… · 10^exponent`, d₁ not 0 (no digits for zero), all digits.
struct Exact {
    digits: Vec<u8>,
    exponent: i32,
}

impl Exact {
    /// `mantissa · 2^power`.
    fn of(mantissa: u64, power: i32) -> Self {
        // m · 2^−p = m · 5^p / 10^p: either way an integer, in limbs of nine decimal digits.
        let mut limbs = vec![(mantissa % LIMB) as u32, (mantissa / LIMB % LIMB) as u32];
        limbs.push((mantissa / LIMB / LIMB) as u32);
        let (factor, at_once) = if power < 0 { (5u64, 13) } else { (2, 29) };
        let mut left = power.unsigned_abs();
        while left > 0 {
            let step = left.min(at_once);
            left -= step;
            let mut carry = 0;
            for limb in &mut limbs {
                let value = u64::from(*limb) * factor.pow(step) + carry;
                (*limb, carry) = ((value % LIMB) as u32, value / LIMB);
            }
            // A carry may be a little more than a limb.
            while carry > 0 {
                limbs.push((carry % LIMB) as u32);
                carry /= LIMB;
            }
        }
        let mut digits = Vec::with_capacity(9 * limbs.len());
        for limb in limbs.iter().rev() {
            let mut unit = LIMB as u32 / 10;
            while unit > 0 {
                digits.push((limb / unit % 10) as u8);
                unit /= 10;
            }
        }
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        let exponent = digits.len() as i32 + power.min(0);
        Self::trimmed(digits, exponent)
    }

    fn trimmed(mut digits: Vec<u8>, exponent: i32) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self { digits, exponent }
    }

    fn key(&self) -> (bool, i32, &[u8]) {
        (!self.digits.is_empty(), self.exponent, &self.digits)
    }

    /// The nearest number of `count` digits, ties to even.
    fn rounded(&self, count: usize) -> Self {
        let mut digits = self.digits.clone();
        let mut exponent = self.exponent;
        if digits.len() > count {
            let tail = digits.split_off(count);
            let is_odd = digits.last().is_some_and(|digit| digit % 2 == 1);
            if tail[0] > 5 || (tail[0] == 5 && (tail.len() > 1 || is_odd)) {
                while digits.last() == Some(&9) {
                    digits.pop();
                }
                match digits.last_mut() {
                    Some(digit) => *digit += 1,
                    None => {
                        digits.push(1);
                        exponent += 1;
                    }
                }
            }
        }
        Self::trimmed(digits, exponent)
    }
}

const LIMB: u64 = 1_000_000_000;

/// Mantissa and power of two of a finite number that is not negative.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let (biased, fraction) = ((bits >> 52) as i32 & 0x7ff, bits & ((1 << 52) - 1));
    if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) }
}

/// Whether the nearest float64 to `wanted` is beyond the one with these bits, which is not negative.
fn is_beyond(wanted: &Exact, bits: u64) -> bool {
    let (mantissa, power) = parts(f64::from_bits(bits));
    let midpoint = Exact::of(2 * mantissa + 1, power - 1);
    match wanted.key().cmp(&midpoint.key()) {
        // Ties to even.
        std::cmp::Ordering::Equal => bits % 2 == 1,
        order => order.is_gt(),
    }
}

/// The nearest float64; infinity beyond the largest.
fn nearest(wanted: &Exact) -> f64 {
    // Numbers that are not negative are in the order of their bits.
    let (mut low, mut high) = (0, f64::INFINITY.to_bits());
    if wanted.exponent > 310 {
        return f64::INFINITY;
    }
    let start =
        wanted.digits.iter().take(17).fold(0.0, |sum, digit| 10.0 * sum + f64::from(*digit));
    let power = wanted.exponent.max(-400) - wanted.digits.len().min(17) as i32;
    let guess = (start * 10f64.powi(power / 2) * 10f64.powi(power - power / 2)).to_bits();
    // Mostly within a few units of the last place.
    let (below, above) = (guess.saturating_sub(64), (guess + 64).min(high));
    if is_beyond(wanted, below) {
        low = below;
    }
    if !is_beyond(wanted, above) {
        high = above;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if is_beyond(wanted, middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    f64::from_bits(low)
}

/// A number as JSON writes it; `None` for other text. Beyond the range of float64 it is infinite.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (number, power) = match text.split_once(['e', 'E']) {
        Some((number, power)) => (number, power.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    let all = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || !all().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let leading = all().take_while(|byte| *byte == b'0').count();
    let digits = all().skip(leading).map(|byte| byte - b'0').collect();
    let exponent = (whole.len() as i32 - leading as i32).saturating_add(power);
    Some(sign * nearest(&Exact::trimmed(digits, exponent)))
}

/// Any number for people: as the standard library writes it, but with an exponent where it is very large
/// or small.
pub(crate) fn text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let mut text = String::new();
    write(value, &mut text);
    text.strip_suffix(".0").map(String::from).unwrap_or(text)
}

/// A finite number as serde_json writes it.
pub(crate) fn write(value: f64, out: &mut String) {
    if value.is_sign_negative() {
        out.push('-');
    }
    let value = value.abs();
    let (mantissa, power) = parts(value);
    let exact = Exact::of(mantissa, power);
    let bits = value.to_bits();
    let reads_back =
        |text: &Exact| bits == 0 || (is_beyond(text, bits - 1) && !is_beyond(text, bits));
    let rounded = |count: &usize| exact.rounded(*count);
    let count = (1..17).find(|count| reads_back(&rounded(count))).unwrap_or(17);
    let Exact { digits, exponent } = rounded(&count);
    let length = digits.len() as i32;
    match exponent {
        _ if digits.is_empty() => out.push_str("0.0"),
        -4..=0 => {
            out.push_str("0.");
            (exponent..0).for_each(|_| out.push('0'));
            digits.iter().for_each(|digit| out.push(char::from(b'0' + digit)));
        }
        1..=16 => {
            for place in 0..length.max(exponent + 1) {
                if place == exponent {
                    out.push('.');
                }
                let digit = digits.get(place as usize).copied().unwrap_or(0);
                out.push(char::from(b'0' + digit));
            }
        }
        _ => {
            for (place, digit) in digits.iter().enumerate() {
                if place == 1 {
                    out.push('.');
                }
                out.push(char::from(b'0' + digit));
            }
            out.push('e');
            if exponent > 0 {
                out.push('+');
            }
            out.push_str(&(exponent - 1).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn samples() -> Vec<f64> {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let bits = (0..400).map(|_| f64::from_bits(random.random::<u64>() >> 1));
        let mut all: Vec<f64> = bits.filter(|x| x.is_finite()).collect();
        all.extend((0..400).map(|_| random.random::<f64>()));
        all.extend((-30..30).map(|power| 10f64.powi(power)));
        all.extend((0..20).map(|power| 123_456_789f64 / 10f64.powi(power)));
        all.extend([0.0, -0.5, 0.1, 0.25, 1.0, 1e15, 1e16, 1e17, 12345678901234567890.0]);
        all.extend([f64::MAX, f64::MIN_POSITIVE, 5e-324, 2.0_f64.powi(53), 1.0 + f64::EPSILON]);
        all
    }

    #[test]
    fn numbers_are_written_as_serde_json_does_and_read_back() {
        for value in samples() {
            let mut text = String::new();
            write(value, &mut text);
            assert_eq!(text, serde_json::to_string(&value).expect("a number"));
            assert_eq!(parse(&text), Some(value), "{text}");
        }
    }

    #[test]
    fn text_for_people_is_that_of_the_standard_library() {
        for value in
            [0.0, -0.0, 1.0, -3.0, 0.1, -2.5, 1e15, f64::NAN, f64::INFINITY, -f64::INFINITY]
        {
            assert_eq!(text(value), value.to_string());
        }
    }

    #[test]
    fn text_is_rounded_as_the_standard_library_does() {
        for text in [
            "1",
            "0",
            "-0.0",
            "1e3",
            "1E+3",
            "0.000001",
            "9007199254740993",
            "9007199254740992.5",
            "9007199254740993.00000000000000000000000000001",
            "1e400",
            "1e-400",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "179769313486231580793e289",
            "0.3000000000000000166533453693773481063544750213623046875",
            "123456789012345678901234567890",
            "00.5",
        ] {
            assert_eq!(parse(text), text.parse().ok(), "{text}");
        }
        for text in ["", "-", ".5", "5.", "1e", "e5", "1.2.3", "NaN", "inf", "+1", "1 "] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
