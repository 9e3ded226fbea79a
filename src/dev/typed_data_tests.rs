//! Typed documents and their published hashes: the EIP's example, and those of MetaMask's
//! `eth-sig-util`, whose functions also gave the hashes of the documents written here.

use super::*;
use serde_json::json;

fn domain() -> Value {
    json!({
        "name": "Ether Mail", "version": "1", "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    })
}

fn fields(list: &[(&str, &str)]) -> Value {
    list.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect()
}

/// A document with these types beside the usual domain's.
fn document(primary: &str, types: &[(&str, &[(&str, &str)])], message: Value) -> Value {
    let mut all = Map::new();
    all.insert(DOMAIN.into(), fields(&DOMAIN_FIELDS[..4]));
    all.extend(types.iter().map(|(name, list)| ((*name).to_owned(), fields(list))));
    json!({ "types": all, "primaryType": primary, "domain": domain(), "message": message })
}

fn hash(document: &Value, version: Version) -> Result<String, String> {
    let read: TypedData = serde_json::from_value(document.clone()).unwrap();
    let hash = read.signing_hash(version);
    hash.map(|it| it.to_string()).map_err(|error| error.to_string())
}

#[track_caller]
fn hashes(document: &Value, wanted: &str) {
    assert_eq!(hash(document, Version::V4).as_deref(), Ok(wanted));
}

const PERSON: (&str, &[(&str, &str)]) = ("Person", &[("name", "string"), ("wallet", "address")]);
const MAIL: (&str, &[(&str, &str)]) =
    ("Mail", &[("from", "Person"), ("to", "Person"), ("contents", "string")]);
const COW: &str = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826";
const BOB: &str = "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB";

#[test]
fn the_mail_of_the_eip_is_the_same_in_both_versions() {
    let message = json!({
        "from": { "name": "Cow", "wallet": COW },
        "to": { "name": "Bob", "wallet": BOB },
        "contents": "Hello, Bob!",
    });
    let mail = document("Mail", &[PERSON, MAIL], message);
    let wanted = "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2";
    hashes(&mail, wanted);
    assert_eq!(hash(&mail, Version::V3).as_deref(), Ok(wanted));
}

#[test]
fn arrays_of_structs_are_for_version_4_only() {
    let mail = document(
        "Mail",
        &[
            ("Person", &[("name", "string"), ("wallets", "address[]")]),
            ("Mail", &[("from", "Person"), ("to", "Person[]"), ("contents", "string")]),
            ("Group", &[("name", "string"), ("members", "Person[]")]),
        ],
        json!({
            "from": { "name": "Cow", "wallets": [COW, "0xDeaDbeefdEAdbeefdEadbEEFdeadbeEFdEaDbeeF"] },
            "to": [{ "name": "Bob", "wallets": [
                BOB, "0xB0BdaBea57B0BDABeA57b0bdABEA57b0BDabEa57",
                "0xB0B0b0b0b0b0B000000000000000000000000000",
            ] }],
            "contents": "Hello, Bob!",
        }),
    );
    hashes(&mail, "0xa85c2e2b118698e88db68a8105b794a8cc7cec074e89ef991cb4f5f533819cc2");
    let text = "arrays cannot be signed with eth_signTypedData_v3, use eth_signTypedData_v4";
    assert_eq!(hash(&mail, Version::V3), Err(text.to_owned()));
}

#[test]
fn a_type_may_refer_to_itself_and_ends_where_the_document_ends() {
    let person: (&str, &[(&str, &str)]) =
        ("Person", &[("name", "string"), ("mother", "Person"), ("father", "Person")]);
    let mut family = document(
        "Person",
        &[person],
        json!({
            "name": "Jon",
            "mother": { "name": "Lyanna", "father": { "name": "Rickard" } },
            "father": { "name": "Rhaegar", "father": { "name": "Aeris II" } },
        }),
    );
    family["domain"]["name"] = json!("Family Tree");
    hashes(&family, "0x807773b9faa9879d4971b43856c4d60c2da15c6f8c062bd9d33afefb756de19c");
    let wanted = "0x0f11d777f9a8098d88e3869334a8f1404fd942062c5037045bae4e3b457007bd";
    assert_eq!(hash(&family, Version::V3).as_deref(), Ok(wanted));
}

#[test]
fn an_absent_struct_is_zero_in_version_4_and_left_out_in_version_3() {
    let message = json!({ "from": { "name": "Cow", "wallet": COW }, "contents": "Hello, Bob!" });
    let mail = document("Mail", &[PERSON, MAIL], message);
    hashes(&mail, "0x56467729e7f0d32c0111820eb989210f3b1a435e3b1029f5e4dfad8ee77df6b0");
    let wanted = "0x1c56b078dda6622ff8bc81b6f91b81df220a247b0090e4e7fb1ed0103e8d63cf";
    assert_eq!(hash(&mail, Version::V3).as_deref(), Ok(wanted));
}

#[test]
fn every_kind_of_value_is_encoded() {
    let all = [
        ("a", "int8"),
        ("b", "uint256"),
        ("c", "bool"),
        ("d", "bytes"),
        ("e", "bytes4"),
        ("f", "address"),
        ("g", "int256"),
        ("h", "uint8[2][]"),
        ("i", "string[]"),
        ("j", "bytes32"),
    ];
    let message = json!({
        "a": -1, "b": U256_MAX, "c": true, "d": "0x1234", "e": "0xdeadbeef", "f": BOB,
        "g": "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
        "h": [[1, 2], [3, 255]], "i": ["a", "", "ü"], "j": format!("0x{}", "07".repeat(32)),
    });
    let mut document = document("T", &[("T", &all)], message);
    document["domain"] = json!({});
    document["types"][DOMAIN] = json!([]);
    hashes(&document, "0x333cd6351d484da34772a3eaf965a277937afe5111d6df1341b68e7107cb96b5");
}

const U256_MAX: &str =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935";

#[test]
fn a_domain_may_go_without_a_type_and_a_document_may_be_a_domain() {
    let mut bare = document("T", &[("T", &[("a", "uint8")])], json!({ "a": "0xff" }));
    bare["types"].as_object_mut().unwrap().remove(DOMAIN);
    let typed = document("T", &[("T", &[("a", "uint8")])], json!({ "a": 255 }));
    assert_eq!(hash(&bare, Version::V4), hash(&typed, Version::V4));
    bare["domain"]["chain"] = json!(1);
    let text = r#"the domain has a field "chain" and the typed data does not define EIP712Domain"#;
    assert_eq!(hash(&bare, Version::V4), Err(text.to_owned()));
    let domain = document(DOMAIN, &[], json!({}));
    hashes(&domain, "0xaa83c70305ec6c131e7a88f258c40813447bec8b9bcef94e5479603d9959da07");
}

#[test]
fn a_value_that_does_not_fit_its_type_is_refused() {
    let refused = |kind: &str, value: Value| {
        let document = document("T", &[("T", &[("a", kind)])], json!({ "a": value }));
        hash(&document, Version::V4).unwrap_err()
    };
    for (kind, value) in [
        ("uint8", json!(256)),
        ("uint8", json!(-1)),
        ("int8", json!(128)),
        ("uint256", json!("0x")),
        ("int8", json!("")),
        ("uint256", json!(1e30)),
        ("bytes4", json!("0x12")),
        ("address", json!("0x12")),
        ("bytes", json!("hello")),
        ("bool", json!("perhaps")),
        ("string", json!(5)),
        ("uint8[]", json!(5)),
    ] {
        let text =
            format!(r#"the value of field "a" is no {kind}; large numbers are written as strings"#);
        assert_eq!(refused(kind, value), text);
    }
    for kind in ["Foo", "uint7", "(uint8,uint8)", "function", "uint8[", "Foo[]", ""] {
        let value = if kind == "Foo[]" { json!([1]) } else { json!(1) };
        assert!(refused(kind, value).starts_with("no definition for type"), "{kind}");
    }
    let length = r#"field "a" has 3 elements, its type is uint8[2]"#;
    assert_eq!(refused("uint8[2]", json!([1, 2, 3])), length);
    let missing = r#"the typed data has no value for field "a" of type string"#;
    assert_eq!(refused("string", json!(null)), missing);
}

#[test]
fn types_that_all_refer_to_each_other_cost_no_more_than_they_may() {
    let names: Vec<String> = (0..2_000).map(|number| format!("T{number}")).collect();
    let mut types = Map::new();
    types.insert(DOMAIN.into(), fields(&DOMAIN_FIELDS[..4]));
    for (number, name) in names.iter().enumerate() {
        let next = &names[(number + 1) % names.len()];
        types.insert(name.clone(), fields(&[("padding_padding_padding", next)]));
    }
    types.insert("All".into(), names.iter().map(|it| json!({ "name": it, "type": it })).collect());
    let message: Map<String, Value> = names.iter().map(|it| (it.clone(), json!({}))).collect();
    let document =
        json!({ "types": types, "primaryType": "All", "domain": domain(), "message": message });
    let text = "the types of the typed data refer to each other too often";
    assert_eq!(hash(&document, Version::V4), Err(text.to_owned()));
}
