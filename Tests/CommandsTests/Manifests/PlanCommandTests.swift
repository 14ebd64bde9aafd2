import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Commands

/// `mlctl plan --diff` over real repositories, without a controller.
@Suite("Plans of commits")
struct PlanCommandTests {
    private let repository: OddRepository

    private struct Entry: Decodable {
        var deployment: DeploymentKey
        var change: String
        var text: String
        var users: String
        var risks: [String]
        var renamedTo: DeploymentKey?
        var movedTo: String?
        var movedFrom: String?
    }

    init() throws {
        repository = try OddRepository()
        try repository.write("models/a.yaml", Self.manifest("a"))
        try repository.write("models/b.yaml", Self.manifest("b", port: 9001))
        try repository.write("other/c.yaml", Self.manifest("c", port: 9002))
        try repository.commit()
    }

    private static func manifest(_ name: String, version: String = "1", port: Int = 9000) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: plan}
        spec:
          model: {version: "\(version)"}
          runtime: {command: [serve]}
          endpoint: {port: \(port)}
        """
    }

    private func run(_ arguments: String...) throws -> (status: Int32, output: String, error: String) {
        let files = ["out", "err"].map { repository.folder.appending(path: "\($0)-\(UUID().uuidString)").path }
        let executable = "\(Installation.builtFolder)/mlctl"
        let child = try ChildProcess(
            ["sh", "-c", "cd \"$0\" && exec \"$@\"", repository.path, executable, "plan", "--offline"] + arguments,
            environment: ["NO_COLOR": "1"], output: .files(output: files[0], errors: files[1]))
        let status = try child.wait()
        return (
            status, try String(contentsOfFile: files[0], encoding: .utf8),
            try String(contentsOfFile: files[1], encoding: .utf8)
        )
    }

    private func entries(_ arguments: [String] = []) throws -> [String: Entry] {
        let planned = try run("--diff", "HEAD~1..HEAD", "-o", "json", arguments.joined(separator: " "))
        #expect(planned.status == 0, "\(planned.error)")
        let all = try JSONDecoder().decode([Entry].self, from: Data(planned.output.utf8))
        return Dictionary(all.map { ($0.deployment.name, $0) }) { first, _ in first }
    }

    @Test("removals, renames, ports and versions, each with what users notice; --fail-on exits 1")
    func all() throws {
        try repository.git("mv", "models/a.yaml", "models/renamed.yaml")
        try repository.write("models/renamed.yaml", Self.manifest("renamed"))
        try repository.write("models/b.yaml", Self.manifest("b", version: "2", port: 9100))
        try repository.remove("other/c.yaml")
        try repository.commit()
        let found = try entries(["."])
        #expect(found["a"]?.renamedTo?.name == "renamed" && found["a"]?.risks == ["removal", "outage"])
        #expect(found["renamed"]?.change == "new")
        #expect(found["b"]?.change == "revision" && found["b"]?.risks == ["outage"])
        #expect(found["b"]?.users.hasPrefix("requests to port 9001 are refused") == true)
        #expect(found["c"]?.change == "removed" && found["c"]?.users.contains("http://127.0.0.1:9002") == true)
        let text = try run("--diff", "HEAD~1..", "--fail-on", "removal,outage")
        #expect(text.status == 1)
        #expect(text.output.contains("- plan/c: version 1 is drained and stopped: no file describes it any more"))
        #expect(text.output.contains("2 to be stopped, 1 new, 1 to roll out"))
        #expect(text.error.contains("2 with removal, 3 with outage"))
        let comment = try run("--diff", "HEAD~1..HEAD", "-o", "markdown", "--fail-on", "removal")
        #expect(comment.status == 1 && comment.output.contains("| ⚠️ | `plan/c` |"))
        // A part of the repository is compared with the same part.
        #expect(try entries(["models"])["c"] == nil)
    }

    @Test("a folder whose last file was deleted is compared with what it had")
    func emptied() throws {
        try repository.git("rm", "-r", "-q", "other")
        try repository.commit()
        #expect(!FileManager.default.fileExists(atPath: repository.folder.appending(path: "other").path))
        #expect(try entries(["other"])["c"]?.change == "removed")
        let typo = try run("--diff", "HEAD~1..HEAD", "othr")
        #expect(typo.status == 2 && typo.error.contains("othr is in neither of the two commits"))
    }

    @Test("a folder that became a submodule is compared in the repository around it")
    func submodule() throws {
        try repository.git("rm", "-r", "-q", "other")
        try repository.write("other/x.yaml", Self.manifest("x", port: 9003))
        try repository.makeSubmodule("other")
        try repository.commit()
        let planned = try run("--diff", "HEAD~1..HEAD", "other", "-o", "json")
        #expect(planned.status == 0, "\(planned.error)")
        let all = try JSONDecoder().decode([Entry].self, from: Data(planned.output.utf8))
        #expect(all.map(\.change) == ["kept"] && all[0].text.contains("other is a git submodule"))
    }

    @Test("an exchange of ports says whose requests go where")
    func exchange() throws {
        try repository.write("models/a.yaml", Self.manifest("a", port: 9001))
        try repository.write("models/b.yaml", Self.manifest("b", port: 9000))
        try repository.commit()
        let found = try entries(["."])
        #expect(found["a"]?.users.hasPrefix("requests to port 9000 go to another deployment, plan/b,") == true)
        #expect(found["b"]?.risks == ["outage"])
    }

    @Test("nothing happens after a revert, and nothing is feared")
    func revert() throws {
        try repository.write("models/b.yaml", Self.manifest("b", version: "2", port: 9001))
        try repository.commit()
        try repository.git("revert", "--no-edit", "HEAD")
        let planned = try run("--diff", "HEAD~2..HEAD", "--fail-on", "removal,outage")
        #expect(planned.status == 0 && planned.output.contains("nothing happens: all 3 serve already"))
    }

    @Test("what cannot be seen is kept, and is no removal")
    func kept() throws {
        try repository.write("models/a.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n")
        try repository.write("models/b.yaml", "sops: {mac: x, version: 1}\n")
        try repository.commit()
        let planned = try run("--diff", "HEAD~1..HEAD", "models/b.yaml", "-o", "json", "--fail-on", "removal")
        #expect(planned.status == 0, "\(planned.error)")
        let all = try JSONDecoder().decode([Entry].self, from: Data(planned.output.utf8))
        #expect(all.map(\.change) == ["kept"] && all[0].text.contains("is encrypted with SOPS"))
        // The pointer is an error of its own, as in 'validate'.
        let refused = try run("--diff", "HEAD~1..HEAD")
        #expect(refused.status == 2 && refused.error.contains("is a Git LFS pointer"))
    }

    @Test("a manifest that goes to another project of the repository is stopped there and starts here")
    func move() throws {
        let settings = repository.folder.appending(path: "mlctl.yaml").path
        try """
        projects:
        - {name: models, repo: "\(repository.path)", ref: {branch: main}, path: models}
        - {name: other, repo: "\(repository.path)", ref: {branch: main}, path: other}
        """.write(toFile: settings, atomically: true, encoding: .utf8)
        try repository.git("mv", "models/a.yaml", "other/a.yaml")
        try repository.commit()
        for (project, change) in [("models", "removed"), ("other", "new")] {
            let planned = try run(
                "--diff", "HEAD~1..HEAD", project, "--project", project, "--config", settings, "-o", "json")
            #expect(planned.status == 0, "\(planned.error)")
            let all = try JSONDecoder().decode([Entry].self, from: Data(planned.output.utf8))
            let moved = all.first { $0.deployment.name == "a" }
            #expect(moved?.change == change && moved?.risks == ["outage"])
            #expect(project == "models" ? moved?.movedTo == "other" : moved?.movedFrom == "models")
        }
    }

    @Test(
        "a range that is none, or a commit that is not there, is wrong usage",
        arguments: [
            ["--diff", "HEAD"], ["--diff", "nowhere..HEAD"], ["--diff", "HEAD~9..HEAD"],
            ["--fail-on", "removals", "."],
        ])
    func wrong(arguments: [String]) throws {
        let refused = try run(arguments[0], arguments[1], arguments.count > 2 ? arguments[2] : "models")
        #expect(refused.status == 2, "\(refused.error)")
        #expect(!refused.error.isEmpty)
    }

    @Test(
        "a range of commits",
        arguments: [
            ("a..b", "a", "b", false), ("a...b", "a", "b", true), ("origin/main..", "origin/main", "HEAD", false),
        ])
    func ranges(text: String, base: String, head: String, isSinceParting: Bool) throws {
        let range = try #require(CommitRange(text))
        #expect(range.base == base && range.head == head && range.isSinceParting == isSinceParting)
        for wrong in ["", "a", "..b", "--x..b", "a..--b", "a..b..c"] { #expect(CommitRange(wrong) == nil) }
    }

    @Test("files have the names that the user would give them")
    func names() {
        #expect(PlanScope.shown("deploy/x/a.yaml", place: "deploy", as: "../deploy") == "../deploy/x/a.yaml")
        #expect(PlanScope.shown("deploy/a.yaml", place: "deploy/a.yaml", as: "a.yaml") == "a.yaml")
        #expect(PlanScope.shown("a.yaml", place: "", as: ".") == "./a.yaml")
    }
}
