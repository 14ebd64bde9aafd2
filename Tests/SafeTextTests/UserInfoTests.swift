import SafeText
import Testing

@Suite("What stands before the host of an address")
struct UserInfoTests {
    @Test(
        "is found wherever a client would see it",
        arguments: [
            ("https://token@host/r", "token"), ("https://u:p@host", "u:p"), ("https://u:p@q@host/a", "u:p@q"),
            ("https://@host/a", ""), ("s3://KEY:SECRET@bucket/a", "KEY:SECRET"), ("HTTPS://t@h?a=b", "t"),
            ("https://h\\@evil/a", "h\\"), ("https://t@\u{301}host/a", "t"), ("oci://u@registry/a:1", "u"),
        ])
    func found(address: String, info: String) { #expect(UserInfo.of(address) == info) }

    @Test(
        "and nowhere else",
        arguments: [
            "", "https://host/a@b", "https://host?a=b@c", "https://host#a@b", "git@host:path", "/srv/a@b", "a@b",
            "oci://registry/model@sha256:00", "hf://org/model@main", "://", "file:///a@b",
        ])
    func absent(address: String) { #expect(UserInfo.of(address) == nil) }
}
