"""Adds JWTs that PyPI's PyJWT mints, and whether it accepts ours, to the output of jwt_npm.js; `cargo xtask vectors` runs both."""

import json
import sys
import warnings

import jwt

SOURCE = f"PyJWT PyPI {jwt.__version__}"

# Ably's secrets may be short.
warnings.simplefilter("ignore")


def main():
    vectors = json.load(sys.stdin)
    own = []
    for case in vectors["ours"]:
        key_name, secret = case["key"].split(":", 1)
        own.append(
            {
                "id": f"{SOURCE}: {case['id']}",
                "key": case["key"],
                "claims": case["claims"],
                "jwt": jwt.encode(case["claims"], secret, algorithm="HS256", headers={"kid": key_name}),
            }
        )
        # PyJWT's clock cannot be set, so the times are compared below instead.
        without_clock = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_sub": False}
        read = jwt.decode(case["jwt"], secret, algorithms=["HS256"], options=without_clock)
        if read != case["claims"] or jwt.get_unverified_header(case["jwt"])["kid"] != key_name:
            sys.exit(f"{SOURCE} reads something else: {case['id']}")
        case["acceptedBy"].append(SOURCE)

    key_name, secret = vectors["ours"][0]["key"].split(":", 1)
    for alg, signer in {"none": None, "HS384": secret, "HS512": secret}.items():
        text = jwt.encode(vectors["ours"][0]["claims"], signer, algorithm=alg, headers={"kid": key_name})
        vectors["refused"].append({"id": f"{SOURCE}: {alg}", "key": vectors["ours"][0]["key"], "alg": alg, "jwt": text})

    about = (
        "JWTs between implementations, written by `cargo xtask vectors`. foreign: what others minted from these claims. "
        "ours: what we mint from these claims, and who has accepted it. refused: other algorithms than HS256."
    )
    vectors = {
        "about": about,
        "sources": vectors["sources"] + [SOURCE],
        "foreign": vectors["foreign"] + own,
        "ours": vectors["ours"],
        "refused": vectors["refused"],
    }
    json.dump(vectors, sys.stdout, ensure_ascii=False, indent=1)
    print()


main()
