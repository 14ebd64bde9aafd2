import AsyncHTTPClient
import ControlAPI
import Foundation
import Glibc
import NIOCore
import TestSupport
import Testing
import Yams

/// `mlctl init`, and what the CI system of the new repository then runs.
@Suite("mlctl init") struct InitTests {
    private static let infer = "/v2/models/biopsy-screen/infer"

    /// The commands of a workflow, in order, as its CI system hands them to a shell.
    private func commands(_ path: String, in folder: URL) throws -> [String] {
        let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
        func found(_ node: Node) -> [String] {
            switch node {
            case .mapping(let map):
                map.flatMap { key, value in
                    switch (key.string, value) {
                    case ("run", .scalar(let script)): [script.string]
                    case ("script", .sequence(let lines)): lines.compactMap(\.string)
                    default: found(value)
                    }
                }
            case .sequence(let items): items.flatMap(found)
            default: []
            }
        }
        return try Yams.compose(yaml: text).map(found) ?? []
    }

    @Test("by flags alone a model serves, and the workflows of the new repository run as they stand")
    func example() async throws {
        try await withInstallation { installation in
            let folder = installation.folder.appending(path: "mine")
            let arguments = [
                "init", folder.path(percentEncoded: false), "--no-input", "--listen", "127.0.0.1:0", "--state-dir",
                installation.state.path(percentEncoded: false),
            ]
            let made = try installation.run(arguments)
            defer { stop(installation) }
            #expect(made.status == 0, "\(made)")
            let said = try #require(
                made.output.firstMatch(of: #/biopsy-screen, version 1, serves at (http:\S+)/#), "\(made.output)")
            let request = try Data(contentsOf: folder.appending(path: "example/request.json"))
            var call = HTTPClientRequest(url: said.1 + Self.infer)
            call.method = .POST
            call.body = .bytes(ByteBuffer(bytes: request))
            #expect(try await HTTPClient.shared.execute(call, timeout: .seconds(20)).status == .ok)
            // A second one changes nothing, and says why.
            let again = try installation.run(arguments)
            #expect(again.status == 1 && again.error.contains("a controller runs already"), "\(again)")

            let commit = try ChildProcess.run(
                ["git", "-C", folder.path(percentEncoded: false), "rev-parse", "HEAD"], environment: [:])
            let gitlab = try installation.run([
                "init", folder.path(percentEncoded: false), "--no-input", "--no-start", "--ci", "gitlab", "--name",
                "other", "--model",
                folder.appending(path: "example/1").path(percentEncoded: false),
            ])
            #expect(gitlab.status == 1 && gitlab.error.contains("already has README.md"), "\(gitlab)")
            let second = installation.folder.appending(path: "second")
            let written = try installation.run([
                "init", second.path(percentEncoded: false), "--no-input", "--no-start", "--ci", "gitlab", "--name",
                "biopsy-screen",
                "--model", folder.appending(path: "example/1").path(percentEncoded: false),
            ])
            #expect(written.status == 0, "\(written)")
            for (workflow, place) in [(".github/workflows/models.yaml", folder), (".gitlab-ci.yml", second)] {
                let lines = try commands(workflow, in: place)
                #expect(
                    lines.contains { $0.contains("mlctl wait") } && lines.contains { $0.contains("mlctl validate") })
                // As in a change of this very branch.
                _ = try ChildProcess.run(
                    ["git", "-C", place.path(percentEncoded: false), "update-ref", "refs/remotes/origin/main", "HEAD"],
                    environment: [:])
                for line in lines {
                    let result = try installation.run(
                        shell: line, in: place,
                        adding: [
                            "GITHUB_SHA": commit, "CI_COMMIT_SHA": commit, "GITHUB_BASE_REF": "main",
                            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                            "GITHUB_STEP_SUMMARY": installation.folder.appending(path: "summary.md").path(
                                percentEncoded: false),
                        ])
                    #expect(result.status == 0, "\(line): \(result)")
                }
            }
        }
    }

    @Test("what cannot serve is said before anything is written")
    func refusals() async throws {
        try await withInstallation { installation in
            let folder = installation.folder.appending(path: "mine").path(percentEncoded: false)
            let state = ["--state-dir", installation.state.path(percentEncoded: false)]
            let none = try installation.run(["init", folder, "--model", "/nonexistent"] + state)
            #expect(none.status == 2 && none.error.contains("there is no file or folder"), "\(none)")
            let vllm = try installation.run(
                ["init", folder, "--model", "hf:o/m"] + state, adding: ["PATH": "/usr/bin:/bin"])
            #expect(vllm.status == 1 && vllm.error.contains("pip install vllm"), "\(vllm)")
            #expect(!FileManager.default.fileExists(atPath: folder))
        }
    }

    /// The controller that `mlctl init` started.
    private func stop(_ installation: Installation) {
        struct Record: Decodable { var pid: Int32 }
        guard let data = try? Data(contentsOf: installation.state.appending(path: "controller.json")),
            let record = try? JSONDecoder().decode(Record.self, from: data)
        else { return }
        kill(record.pid, SIGTERM)
        for _ in 0..<200 where kill(record.pid, 0) == 0 { usleep(50_000) }
    }
}
