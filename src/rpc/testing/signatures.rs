//! What the node's keys sign: documents in every shape, and those that nobody can sign.

use super::*;
use crate::primitives::Transaction;
use alloy_eips::{eip2718::Typed2718, eip7702::Authorization};
use alloy_primitives::{B256, Bytes, Signature};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;

/// The example of EIP-712.
fn mail() -> Value {
    json!({
        "types": {
            "EIP712Domain": [
                { "name": "name", "type": "string" },
                { "name": "version", "type": "string" },
                { "name": "chainId", "type": "uint256" },
                { "name": "verifyingContract", "type": "address" },
            ],
            "Person": [
                { "name": "name", "type": "string" },
                { "name": "wallet", "type": "address" },
            ],
            "Mail": [
                { "name": "from", "type": "Person" },
                { "name": "to", "type": "Person" },
                { "name": "contents", "type": "string" },
            ],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail", "version": "1", "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
            "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
            "contents": "Hello, Bob!",
        },
    })
}

fn signer(signature: &Value, hash: &str) -> String {
    let signature: Signature = signature.as_str().unwrap().parse().unwrap();
    let hash: B256 = hash.parse().unwrap();
    signature.recover_address_from_prehash(&hash).unwrap().to_string().to_lowercase()
}

#[tokio::test]
async fn a_document_is_signed_as_object_or_text_and_in_either_order() {
    let node = TestNode::start();
    let text = json!(mail().to_string());
    for params in [json!([ALICE, mail()]), json!([ALICE, text]), json!([text, ALICE])] {
        for method in ["eth_signTypedData", "eth_signTypedData_v3", "eth_signTypedData_v4"] {
            let signature = node.ask(method, params.clone()).await;
            let hash = "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2";
            assert_eq!(signer(&signature, hash), ALICE, "{method}");
        }
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_signed_is_refused_in_words() {
    let node = TestNode::start();
    let refused = |document: Value| node.refusal("eth_signTypedData_v4", json!([ALICE, document]));
    let mut missing = mail();
    missing["message"].as_object_mut().unwrap().remove("contents");
    let text = r#"the typed data has no value for field "contents" of type string"#;
    assert_eq!(refused(missing).await, (-32602, text.to_owned()));
    let mut unknown = mail();
    unknown["primaryType"] = json!("Letter");
    let text = r#"no definition for type "Letter" in the typed data"#;
    assert_eq!(refused(unknown).await, (-32602, text.to_owned()));
    for broken in [json!("{"), json!("0x1234"), json!({}), json!([1])] {
        let (code, text) = refused(broken).await;
        assert!(code == -32602 && text.starts_with("invalid typed data: "), "{text}");
    }
    let mut long = mail();
    long["message"]["contents"] = json!("x".repeat(128 << 10));
    let text = "the typed data is longer than 131072 bytes; --rpc-typed-data-bytes allows more";
    assert_eq!(refused(long).await, (-32602, text.to_owned()));
    let stranger = node.refusal("eth_signTypedData_v4", json!([STRANGER, mail()])).await;
    assert!(stranger.1.starts_with("unknown account"), "{}", stranger.1);
    assert_eq!(node.refusal("eth_signTypedData_v4", json!([mail(), mail()])).await.0, -32602);
}

#[tokio::test]
async fn a_document_that_nests_forever_is_refused() {
    let node = TestNode::start();
    let open = r#"{"next":"#.repeat(50_000);
    let document = format!(
        r#"{{"types":{{"T":[{{"name":"next","type":"T"}}]}},"primaryType":"T","domain":{{}},"message":{open}null{}}}"#,
        "}".repeat(50_000)
    );
    let raised = node.api.limits.typed_data_bytes;
    assert!(document.len() > raised, "longer than what is read");
    let params = json!([ALICE, document]);
    assert_eq!(node.refusal("eth_signTypedData_v4", params).await.0, -32602);
    let document = document.replace(&open, &r#"{"next":"#.repeat(1_000));
    let document = document.replace(&"}".repeat(50_000), &"}".repeat(1_000));
    let (code, text) = node.refusal("eth_signTypedData_v4", json!([ALICE, document])).await;
    assert!(code == -32602 && text.contains("recursion limit"), "{text}");
}

#[tokio::test]
async fn the_wire_protocol_is_told() {
    let node = TestNode::start();
    assert_eq!(node.ask("eth_protocolVersion", json!([])).await, "0x45");
}

/// A blob of zeros with its cells' proofs: the commitment and every proof are the point at infinity.
fn blob_of_zeros() -> Value {
    let infinity = format!("0xc0{}", "00".repeat(47));
    json!({
        "blobs": [format!("0x{}", "00".repeat(131_072))],
        "commitments": [infinity],
        "cellProofs": vec![infinity; 128],
    })
}

#[tokio::test]
async fn a_request_of_every_type_is_signed_with_the_senders_key() {
    let node = TestNode::start();
    let delegate = Authorization { chain_id: U256::from(31337), address: Address::ZERO, nonce: 0 };
    let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap();
    let signature = key.sign_hash_sync(&delegate.signature_hash()).unwrap();
    let mut blob = blob_of_zeros();
    blob["maxFeePerBlobGas"] = json!("0x5");
    let requests = [
        json!({ "gasPrice": "0x77359400" }),
        json!({ "type": "0x1", "accessList": [] }),
        json!({}),
        blob,
        json!({ "authorizationList": [delegate.into_signed(signature)] }),
    ];
    for (kind, mut request) in requests.into_iter().enumerate() {
        request["from"] = json!(ALICE);
        request["to"] = json!(BOB);
        request["gas"] = json!("0x186a0");
        let raw = node.ask("eth_signTransaction", json!([request])).await;
        let raw: Bytes = serde_json::from_value(raw).unwrap();
        let signed = Transaction::decode(&raw).unwrap();
        assert_eq!(usize::from(signed.envelope().ty()), kind);
        assert_eq!(signed.sender().to_string().to_lowercase(), ALICE);
        let hash = node.ask("eth_sendRawTransaction", json!([raw])).await;
        let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1", "type {kind}");
    }
}
