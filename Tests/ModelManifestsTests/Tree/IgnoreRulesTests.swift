import Testing

@testable import ModelManifests

@Suite("Files that are ignored")
struct IgnoreRulesTests {
    /// Checked against `git check-ignore` by hand and in `OddTreeTests`.
    @Test(
        "rules mean what they mean in .gitignore",
        arguments: [
            ("*.yaml", "a.yaml", true), ("*.yaml", "x/y/a.yaml", true), ("a.yaml", "x/a.yaml", true),
            ("/a.yaml", "x/a.yaml", false), ("/a.yaml", "a.yaml", true), ("x/a.yaml", "y/x/a.yaml", false),
            ("x/", "x/a.yaml", true), ("x/", "x", false), ("x", "x/y/a.yaml", true), ("x/*", "x/y/a.yaml", true),
            ("x/*.yaml", "x/y/a.yaml", false), ("**/x", "a/b/x/c.yaml", true), ("x/**", "x/y/a.yaml", true),
            ("x/**", "x", false), ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true), ("a/**/b", "a/x/y/c", false),
            ("?.yaml", "ab.yaml", false), ("?.yaml", "a.yaml", true), ("[ab].yaml", "b.yaml", true),
            ("[!ab].yaml", "b.yaml", false), ("[a-c]x", "bx", true), ("[]x]", "]", true), ("[", "[", true),
            ("\\#a", "#a", true), ("#a", "#a", false), ("a\\*b", "a*b", true), ("a\\*b", "axb", false),
            ("a  ", "a", true), ("a\\ ", "a ", true), ("", "a", false), ("/", "a", false),
            ("*\n!a.yaml", "a.yaml", false),
            ("x\n!x/a.yaml", "x/a.yaml", true), ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
        ])
    func syntax(text: String, path: String, isIgnored: Bool) {
        #expect(IgnoreRules(files: [".mlctlignore": text]).ignores(path) == isIgnored)
    }

    @Test("a file's rules count from its folder, and deeper files win")
    func folders() {
        let rules = IgnoreRules(files: ["x/.mlctlignore": "/a.yaml\n!b.yaml", ".mlctlignore": "b.yaml"])
        #expect(rules.ignores("x/a.yaml") && !rules.ignores("a.yaml") && !rules.ignores("y/x/a.yaml"))
        #expect(rules.ignores("b.yaml") && !rules.ignores("x/b.yaml"))
    }

    @Test("rules are bounded, and what is left out is named")
    func bounds() {
        let many = IgnoreRules(files: [
            ".mlctlignore": (0...IgnoreRules.maximumRules).map { "a\($0)" }.joined(separator: "\n")
        ])
        #expect(many.problems.map(\.line) == [IgnoreRules.maximumRules + 1])
        #expect(many.ignores("a\(IgnoreRules.maximumRules - 1)") && !many.ignores("a\(IgnoreRules.maximumRules)"))
        let long = IgnoreRules(files: [
            ".mlctlignore": String(repeating: "a", count: IgnoreRules.maximumPatternBytes + 1)
        ])
        #expect(long.problems.count == 1 && long.isEmpty)
    }

    @Test("only a file of that exact name is one")
    func name() {
        #expect(IgnoreRules.isIgnoreFile(Array(".mlctlignore".utf8)))
        #expect(IgnoreRules.isIgnoreFile(Array("a/.mlctlignore".utf8)))
        #expect(!IgnoreRules.isIgnoreFile(Array("a.mlctlignore".utf8)))
        #expect(!IgnoreRules.isIgnoreFile(Array(".mlctlignore/a".utf8)))
    }
}
