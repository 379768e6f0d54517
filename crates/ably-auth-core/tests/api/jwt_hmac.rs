//! HMAC-SHA-256 from RFC 2104 and FIPS 180-4, to sign JWTs that no implementation would mint.

/// Returns the first 32 bits of the fractional parts of the cube roots of the first 64 primes, and of the square roots
/// of the first eight.
fn constants() -> ([u32; 64], [u32; 8]) {
    let primes: Vec<u32> = (2..312).filter(|n| (2..*n).all(|d| n % d != 0)).collect();
    let fraction = |root: f64| ((root - root.floor()) * f64::from(2).powi(32)) as u32;
    let cubes = std::array::from_fn(|at| fraction(f64::from(primes[at]).cbrt()));
    (cubes, std::array::from_fn(|at| fraction(f64::from(primes[at]).sqrt())))
}

fn sha256(message: &[u8]) -> [u8; 32] {
    let (k, mut state) = constants();
    let mut padded = [message, &[0x80]].concat();
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut w = [0_u32; 64];
        for (word, bytes) in w.iter_mut().zip(block.chunks(4)) {
            *word = u32::from_be_bytes(bytes.try_into().unwrap());
        }
        for t in 16..64 {
            let (a, b) = (w[t - 15], w[t - 2]);
            let (a, b) =
                (a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3, b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10);
            w[t] = w[t - 16].wrapping_add(a).wrapping_add(w[t - 7]).wrapping_add(b);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for t in 0..64 {
            let sum = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let one = h.wrapping_add(sum).wrapping_add(e & f ^ !e & g).wrapping_add(k[t]).wrapping_add(w[t]);
            let sum = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let two = sum.wrapping_add(a & b ^ a & c ^ b & c);
            (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(one), c, b, a, one.wrapping_add(two));
        }
        for (word, change) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *word = word.wrapping_add(change);
        }
    }
    let mut digest = [0; 32];
    digest.chunks_mut(4).zip(state).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    digest
}

/// Computes the HMAC with a secret that is at most one block long.
pub(crate) fn hmac(secret: &str, text: &[u8]) -> [u8; 32] {
    let pad = |with: u8| (0..64).map(|at| secret.as_bytes().get(at).copied().unwrap_or(0) ^ with).collect::<Vec<_>>();
    sha256(&[pad(0x5c), sha256(&[&pad(0x36), text].concat()).into()].concat())
}

/// Test case 2 of RFC 4231.
#[test]
fn hmac_matches_rfc_4231() {
    let mac = hmac("Jefe", b"what do ya want for nothing?");
    assert_eq!(mac[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
    assert_eq!(mac[24..], [0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43]);
    for len in [0, 55, 56, 63, 64, 119, 120, 1000] {
        assert_ne!(sha256(&vec![1; len]), sha256(&vec![1; len + 1]), "{len}");
    }
}
