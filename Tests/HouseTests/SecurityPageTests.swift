import Foundation
import Testing

/// SECURITY.md claims nothing that no test holds.
@Suite("The security page")
struct SecurityPageTests {
    private static let page = "SECURITY.md"

    /// Cells that name a test: a file, and the test's name in it.
    private func references() throws -> [(file: String, name: String)] {
        try RepositoryFiles.text(Self.page).matches(of: #/`(?<file>[A-Za-z/]+\.swift)` "(?<name>[^"]+)"/#)
            .map { (String($0.output.file), String($0.output.name)) }
    }

    @Test("every test that it names is there")
    func named() throws {
        let references = try references()
        #expect(references.count > 20)
        for (file, name) in references {
            let source = try RepositoryFiles.text("Tests/\(file)")
            #expect(source.contains("\"\(name)\""), "\(file) has no test \"\(name)\"")
        }
    }

    @Test("every claim of what somebody cannot do, gets or sees names one")
    func claims() throws {
        let rows = try RepositoryFiles.text(Self.page).split(separator: "\n").filter { row in
            row.hasPrefix("| ") && !row.hasPrefix("| |") && !row.hasPrefix("| **can**")
        }
        #expect(rows.count > 20)
        for row in rows { #expect(row.contains(".swift` \""), "no test holds: \(row)") }
    }
}
