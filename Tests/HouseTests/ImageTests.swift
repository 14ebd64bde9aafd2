import Foundation
import Testing

/// Checks of the Dockerfile without a container engine.
@Suite("The image")
struct ImageTests {
    private let recipe: String
    private let stages: [String]

    init() throws {
        recipe = try RepositoryFiles.text("controller/Containerfile")
        stages = recipe.split(separator: "\nFROM ").map(String.init)
    }

    private func packages(of stage: String) throws -> Set<String> {
        let match = try #require(stage.firstMatch(of: #/--no-install-recommends ([a-z0-9 .+-]+?) *\\?\n/#))
        return Set(match.1.split(separator: " ").map(String.init))
    }

    @Test("its first stage builds all parts of the package, with the libraries that the package links")
    func building() throws {
        #expect(stages.count == 3)
        let installed = try packages(of: stages[1])
        let package = try RepositoryFiles.text("Package.swift")
        let providers = package.matches(of: #/\.apt\(\["([^"]+)"\]\)/#).map { String($0.1) }
        #expect(providers.count == 2)
        // GRDB finds SQLite by itself.
        for name in providers + ["libsqlite3-dev", "pkg-config"] { #expect(installed.contains(name), "\(name)") }
        for match in stages[1].matches(of: #/COPY ((?:[\w.]+ )+)/#) {
            for name in match.1.split(separator: " ") {
                let path = RepositoryFiles.url(String(name)).path(percentEncoded: false)
                #expect(FileManager.default.fileExists(atPath: path), "\(name)")
            }
        }
        #expect(package.contains("name: \"mlctl\", dependencies:"))
        #expect(stages[1].contains("--product mlctl --static-swift-stdlib"))
        let tools = try #require(package.firstMatch(of: #/swift-tools-version: (\d+)\.(\d+)/#))
        let swift = try #require(recipe.firstMatch(of: #/ARG SWIFT=(\d+)\.(\d+)/#))
        let isRecent =
            (Int(swift.1) ?? 0, Int(swift.2) ?? 0) >= (Int(tools.1) ?? .max, Int(tools.2) ?? .max)
        #expect(isRecent, "the recipe's Swift is older than the package wants")
    }

    @Test("its last stage has the libraries that are linked, and the programs that are called")
    func running() throws {
        let installed = try packages(of: stages[2])
        for name in ["libcurl4", "libsqlite3-0", "libstdc++6", "zlib1g", "git", "openssh-client", "ca-certificates"] {
            #expect(installed.contains(name), "\(name)")
        }
        // Both stages must use the same Debian release; otherwise the libraries do not match.
        let releases = [stages[1], stages[2]].compactMap { $0.firstMatch(of: #/(bookworm|trixie)/#)?.1 }
        #expect(releases.count == 2 && releases[0] == releases[1])
    }

    @Test("its user, folder and entry point are those that the chart expects")
    func entry() throws {
        let deployment = try RepositoryFiles.text("charts/mlctl/templates/deployment.yaml")
        let user = try #require(recipe.firstMatch(of: #/\nUSER (\d+):(\d+)\n/#))
        #expect(deployment.contains("runAsUser: \(user.1)") && deployment.contains("runAsGroup: \(user.2)"))
        let folder = try #require(recipe.firstMatch(of: #/\nWORKDIR (\/var\S+)\n/#)).1
        #expect(deployment.contains("--state-dir=\(folder)") && deployment.contains("mountPath: \(folder)\n"))
        #expect(recipe.contains("-d -o \(user.1) -g \(user.2) -m 0700 \(folder)"))
        let entry = try #require(recipe.firstMatch(of: #/\nENTRYPOINT \["([^"]+)"\]/#)).1
        #expect(recipe.contains("/out\(entry)\n"))
        // The entry point is the program, so the chart gives only its arguments.
        #expect(!deployment.contains("command:") && deployment.contains("- run\n"))
    }
}
