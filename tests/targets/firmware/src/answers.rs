//! Known answers, computed by `answers.py`. To change them, edit that script and run it.

pub const KEY: &str = "I2E_JQ.OqUdfg:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
pub const KEY_NAME: &str = "I2E_JQ.OqUdfg";
pub const SECRET: &str = "EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
pub const TTL: u64 = 3_600_000;
pub const CAPABILITY: &str = "{\"chat:*\":[\"publish\",\"subscribe\"],\"status\":[\"subscribe\"]}";
pub const CLIENT_ID: &str = "bob";
pub const TIMESTAMP: u64 = 1_449_746_287_318;
pub const NONCE: &str = "9000000830710428";
pub const SIGNED_TEXT: &str = "I2E_JQ.OqUdfg\n3600000\n{\"chat:*\":[\"publish\",\"subscribe\"],\"status\":[\"subscribe\"]}\nbob\n1449746287318\n9000000830710428\n";
pub const MAC: &str = "ZmR0M79i8qR/EVIxTxEuY/nNNfKz7RfPqX9t4lxpTnY=";
pub const TOKEN_REQUEST: &str = "{\"keyName\":\"I2E_JQ.OqUdfg\",\"ttl\":3600000,\"capability\":\"{\\\"chat:*\\\":[\\\"publish\\\",\\\"subscribe\\\"],\\\"status\\\":[\\\"subscribe\\\"]}\",\"clientId\":\"bob\",\"timestamp\":1449746287318,\"nonce\":\"9000000830710428\",\"mac\":\"ZmR0M79i8qR/EVIxTxEuY/nNNfKz7RfPqX9t4lxpTnY=\"}";
pub const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6IkkyRV9KUS5PcVVkZmcifQ.eyJpYXQiOjE0NDk3NDYyODcsImV4cCI6MTQ0OTc0OTg4NywieC1hYmx5LWNhcGFiaWxpdHkiOiJ7XCJjaGF0OipcIjpbXCJwdWJsaXNoXCIsXCJzdWJzY3JpYmVcIl0sXCJzdGF0dXNcIjpbXCJzdWJzY3JpYmVcIl19IiwieC1hYmx5LWNsaWVudElkIjoiYm9iIn0.YBg3o9oToGQayrrrXVNJ6WUzqCEYYE2SubgIpHmpdnE";
