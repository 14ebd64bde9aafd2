import Foundation
import Testing

/// Every claim in SECURITY.md is backed by a test.
@Suite("The security page")
struct SecurityPageTests {
    private static let page = "SECURITY.md"

    /// Table cells that name a test: its file and its name.
    private func references() throws -> [(file: String, name: String)] {
        try RepositoryFiles.text(Self.page).matches(of: #/`(?<file>[A-Za-z0-9/]+\.swift)` "(?<name>[^"]+)"/#)
            .map { (String($0.output.file), String($0.output.name)) }
    }

    @Test("every test that it names exists")
    func named() throws {
        let references = try references()
        #expect(references.count > 20)
        for (file, name) in references {
            let source = try RepositoryFiles.text("Tests/\(file)")
            #expect(source.contains("\"\(name)\""), "\(file) has no test \"\(name)\"")
        }
    }

    @Test("every claim of what an attacker cannot do, get or see names a test")
    func claims() throws {
        let rows = try RepositoryFiles.text(Self.page).split(separator: "\n").filter { row in
            row.hasPrefix("| ") && !row.hasPrefix("| |") && !row.hasPrefix("| **can**")
        }
        #expect(rows.count > 20)
        for row in rows { #expect(row.contains(".swift` \""), "no test holds: \(row)") }
    }
}
