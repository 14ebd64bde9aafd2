import Testing

@testable import GitSource

struct VersionRangeTests {
    @Test("versions are ordered as semver.org defines")
    func precedence() throws {
        let order = [
            "0.9.9", "1.0.0-0", "1.0.0-9", "1.0.0-10", "1.0.0-18446744073709551616", "1.0.0-alpha", "1.0.0-alpha.1",
            "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0",
            "1.10.0", "2.0.0",
        ].compactMap { SemanticVersion($0) }
        #expect(order.count == 17)
        for (index, one) in order.enumerated() {
            for other in order[(index + 1)...] { #expect(one < other && !(other < one), "\(one) \(other)") }
        }
        #expect(SemanticVersion("1.0.0+a") == SemanticVersion("v1.0.0+b"))
    }

    @Test(
        "an incomplete version is not a version",
        arguments: [
            "", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "vv1.2.3", "1.2.x",
            "latest", "1.2.3-é", "1.2.-3", "2026.01.02", "99999999999999999999.0.0", "1.2.3\n",
        ])
    func noVersion(text: String) { #expect(SemanticVersion(text) == nil) }

    @Test(
        "a range matches the versions that its syntax defines",
        arguments: [
            (">=1.2 <2", ["1.2.0", "1.99.9"], ["1.1.9", "2.0.0", "1.5.0-rc.1", "2.0.0-rc.1"]),
            (">= 1.2, < 2", ["1.2.0"], ["2.0.0"]),
            ("~1.4", ["1.4.0", "1.4.9"], ["1.5.0", "1.3.9"]),
            ("~1.4.2", ["1.4.2", "1.4.3"], ["1.4.1", "1.5.0"]),
            ("~1", ["1.0.0", "1.9.0"], ["2.0.0"]),
            ("^1", ["1.0.0", "1.99.0"], ["0.9.0", "2.0.0"]),
            ("^1.2.3", ["1.2.3", "1.3.0"], ["1.2.2", "2.0.0"]),
            ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"]),
            ("^0.0.3", ["0.0.3"], ["0.0.4"]),
            ("^0.0", ["0.0.1"], ["0.1.0"]),
            ("1.x", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.0"]),
            ("1.2.*", ["1.2.7"], ["1.3.0"]),
            ("*", ["0.0.1", "9.9.9"], ["1.0.0-rc.1"]),
            ("1.2 - 1.4", ["1.2.0", "1.4.9"], ["1.5.0", "1.1.9"]),
            ("1.2.0 - 1.4.1", ["1.4.1"], ["1.4.2"]),
            ("=1.2.3", ["1.2.3", "1.2.3+b"], ["1.2.4"]),
            ("v1.2.3", ["1.2.3"], ["1.2.4"]),
            (">1.2", ["1.3.0"], ["1.2.9"]),
            (">1.2.3", ["1.2.4"], ["1.2.3"]),
            ("<=1.2", ["1.2.9"], ["1.3.0"]),
            (">=1 !=1.5.0", ["1.4.9", "1.5.1"], ["1.5.0"]),
            ("~1.2 || ~1.4", ["1.2.1", "1.4.1"], ["1.3.0"]),
            (">=1.2.0-0", ["1.2.0-rc.1", "1.3.0-beta", "1.2.0"], ["1.1.0"]),
            (">=1.2.0-0 <2", ["1.9.0-rc.1"], ["2.0.0-rc.1", "2.0.0"]),
            ("1.2.0-rc.1", ["1.2.0-rc.1"], ["1.2.0-rc.2", "1.2.0"]),
            (">1.2.0-rc.1 <1.2.0-rc.3", ["1.2.0-rc.2"], ["1.2.0-rc.1", "1.2.0-rc.3"]),
            ("~1.2 || 2.0.0-rc.1", ["2.0.0-rc.1"], ["1.2.1-rc.1"]),
        ])
    func ranges(text: String, inside: [String], outside: [String]) throws {
        let range = try VersionRange(text)
        for version in inside { #expect(range.contains(try #require(SemanticVersion(version))), "\(text) \(version)") }
        for version in outside {
            #expect(!range.contains(try #require(SemanticVersion(version))), "\(text) \(version)")
        }
    }

    @Test(
        "a malformed range is refused with advice",
        arguments: [
            "", " ", "latest", ">=", "1.2.3.4", "a.b", ">=1 ||", "|| 1", "1..2", "1.x.3", "--upload-pack=x", "1.2-rc",
            "^", "1\n2", "é", String(repeating: "1 ", count: 33), String(repeating: "1", count: 300), "<", "!=", ">*",
        ])
    func refused(text: String) {
        let error = #expect(throws: GitError.self) { try VersionRange(text) }
        #expect(error?.message.contains(">=1.2 <2") == true)
    }

    @Test("the highest version is chosen, with or without a v, whatever other tags exist")
    func best() throws {
        let tags = ["v1.2.0", "1.10.0", "v1.9.0", "latest", "v2.0.0", "1.11.0-rc.1", "models/v1.99.0"]
        #expect(try VersionRange("^1").best(of: tags) == "1.10.0")
        #expect(try VersionRange("~3").best(of: tags) == nil)
        #expect(try VersionRange("1.x").best(of: ["1.0.0", "v1.0.0"]) == "v1.0.0")
    }

    @Test(
        "a range that no version can match is refused",
        arguments: ["<2 >=2", ">=2 <1", "~1.2 ~1.4", "=1.2.3 !=1.2.3", "<1 >2 || ^1 <1"])
    func empty(text: String) {
        #expect(throws: GitError.self) { try VersionRange(text) }
    }

    @Test("a range in which one alternative can match is accepted", arguments: ["<1 >2 || ^1", ">=1.2.3 <=1.2.3"])
    func halfEmpty(text: String) throws {
        #expect(try VersionRange(text).contains(try #require(SemanticVersion("1.2.3"))))
    }
}
