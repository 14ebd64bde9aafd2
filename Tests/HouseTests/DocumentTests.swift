import Foundation
import ModelManifests
import Testing

/// Everything that the documents name exists.
@Suite("The documents")
struct DocumentTests {
    static let documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "controller/mlctl.yaml"]
    /// Flags of other programs, and of the argument parser library.
    static let foreignFlags: Set<String> = [
        "create-namespace", "force-conflicts", "generate-completion-script", "json", "server-side", "set",
        "unshallow",
    ]

    @Test("paths in them exist", arguments: documents)
    func paths(document: String) throws {
        let text = try RepositoryFiles.text(document)
        let pattern = #/(?:^|[\s(`])((?:Sources|Tests|manifests|controller|charts)/[A-Za-z0-9_*./+-]*)/#
            .anchorsMatchLineEndings()
        for match in text.matches(of: pattern) {
            let path = String(match.1).replacing(#/[.,]+$/#, with: "")
            let parts = path.split(separator: "/").map(String.init)
            guard let last = parts.last else { continue }
            let folder = parts.dropLast().joined(separator: "/")
            let names = try FileManager.default.contentsOfDirectory(
                atPath: RepositoryFiles.url(folder).path(percentEncoded: false))
            let isThere =
                if let star = last.firstIndex(of: "*") {
                    names.contains { $0.hasPrefix(last[..<star]) && $0.hasSuffix(last[last.index(after: star)...]) }
                } else {
                    names.contains(last) || names.contains("\(last).swift")
                }
            #expect(isThere, "\(document) names \(path)")
        }
    }

    @Test("flags in them are declared", arguments: documents)
    func flags(document: String) throws {
        let commands = try HouseTests.sources(of: "Commands").map(\.text).joined()
        for match in try RepositoryFiles.text(document).matches(of: #/(?:^|[\s`(\["])--([a-z][a-z-]+)/#) {
            let flag = String(match.1)
            guard !Self.foreignFlags.contains(flag) else { continue }
            let words = flag.split(separator: "-")
            let name = words.dropFirst().reduce(String(words[0])) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
            let isDeclared =
                commands.contains("var \(name):") || commands.contains("var \(name) =")
                || commands.contains("\"\(flag)\"")
            #expect(isDeclared, "\(document) names --\(flag)")
        }
    }

    @Test("commands and make targets in them exist", arguments: documents)
    func commands(document: String) throws {
        let text = try RepositoryFiles.text(document)
        let commands = try HouseTests.sources(of: "Commands").map(\.text).joined()
        for match in text.matches(of: #/(?:^ +|`|\| )mlctl ([a-z][a-z-]+)/#.anchorsMatchLineEndings()) {
            let name = match.1.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
            #expect(commands.contains("struct \(name)Command"), "\(document) names mlctl \(match.1)")
        }
        let makefile = try RepositoryFiles.text("Makefile")
        for match in text.matches(of: #/(?:^ +|`)(?:[A-Z_]+=\S+ )?make ([a-z][a-z0-9 -]*)/#.anchorsMatchLineEndings()) {
            for target in match.1.split(separator: " ") {
                #expect(makefile.contains("\n\(target):"), "\(document) names make \(target)")
            }
        }
    }

    @Test("the README lists every difference between the CRD and mlctl validate", arguments: ServerDifference.allCases)
    func differences(difference: ServerDifference) throws {
        let readme = try RepositoryFiles.text("README.md").replacing(#/\s+/#, with: " ")
        #expect(readme.contains("- \(difference.text)"))
    }

    @Test("chart values in the README exist")
    func values() throws {
        let values = try RepositoryFiles.text("charts/mlctl/values.yaml")
        let text = try RepositoryFiles.text("README.md")
        let section = text.split(separator: "## On Kubernetes").last.map { $0.prefix { $0 != "#" } } ?? ""
        let named =
            section.matches(of: #/`([a-z][A-Za-z]+)\.enabled`/#).map(\.1)
            + section.matches(of: #/--set ([a-z][A-Za-z]+)[.=]/#).map(\.1)
        #expect(named.count >= 4)
        for name in named { #expect(values.contains("\n\(name):"), "\(name)") }
    }
}
