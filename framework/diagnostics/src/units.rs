//! Durations, sizes and bit rates as people write them.

use std::time::Duration;

/// "90s", "5m", "1.5h", "200ms".
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|d| !d.is_zero())
}

/// "512MiB", "8GiB", "8GB".
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * factor;
    (1.0..1e18).contains(&bytes).then_some(bytes as u64)
}

/// Bits per second: "100Mbit/s", "27.2kbit/s", "48bit/s", "1Gbit/s".
pub fn bit_rate(text: &str) -> Option<f64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "bit/s" => 1.0,
        "kbit/s" => 1e3,
        "Mbit/s" => 1e6,
        "Gbit/s" => 1e9,
        _ => return None,
    };
    let rate = number * factor;
    (1e-3..1e18).contains(&rate).then_some(rate)
}

fn split(text: &str) -> Option<(f64, &str)> {
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(at);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("1.5h"), Some(Duration::from_mins(90)));
        assert_eq!(duration("200 ms"), Some(Duration::from_millis(200)));
        for bad in ["", "5", "m", "0s", "-1s", "5 days", "1e99h"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(bytes("8GiB"), Some(8 << 30));
        assert_eq!(bytes("2kB"), Some(2000));
        assert_eq!(bytes("20KB"), Some(20_000));
        assert_eq!(bytes("8"), None);
        // Bits?
        assert_eq!(bytes("8Mb"), None);
        assert_eq!(bit_rate("100Mbit/s"), Some(1e8));
        assert_eq!(bit_rate("0.3 kbit/s"), Some(300.0));
        for bad in ["", "100", "100Mb", "12MB/s", "0bit/s"] {
            assert_eq!(bit_rate(bad), None, "{bad}");
        }
    }
}
