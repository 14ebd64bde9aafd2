import Foundation
import Testing
import Yams

/// External components are pinned, so that their publishers cannot change them.
@Suite("What mlctl is built with") struct SupplyChainTests {
    /// The files of the repository, without build products.
    private static func files(where isWanted: (String) -> Bool) -> [String] {
        let root = HouseTests.root.path(percentEncoded: false)
        guard let walk = FileManager.default.enumerator(atPath: root) else { return [] }
        var found: [String] = []
        for case let path as String in walk {
            if [".build", ".git", ".venv", ".swiftpm"].contains(path) {
                walk.skipDescendants()
            } else if isWanted(path) {
                found.append(path)
            }
        }
        return found.sorted()
    }

    private static let recipes = files { path in
        let name = path.split(separator: "/").last ?? ""
        return name.hasPrefix("Containerfile") || name.hasPrefix("Dockerfile")
    }

    private static let pipelines = files { path in
        (path.hasSuffix(".yaml") || path.hasSuffix(".yml") || path.hasSuffix("Jenkinsfile"))
            && (path.hasPrefix("manifests/ci/") || path.hasPrefix(".github/") || path.hasPrefix(".gitlab"))
    }

    /// Why an image reference may point to another image later; nil if it cannot.
    private static func looseness(of image: String, arguments: [String: String]) -> String? {
        var image = image
        for (name, value) in arguments { image = image.replacing("${\(name)}", with: value) }
        guard let at = image.firstIndex(of: "@") else { return "\(image) has no digest" }
        let digest = image[image.index(after: at)...]
        return digest.wholeMatch(of: #/sha256:[0-9a-f]{64}/#) == nil ? "\(digest) is not a digest" : nil
    }

    @Test("each base image in a Dockerfile is pinned by its digest")
    func images() throws {
        #expect(!Self.recipes.isEmpty)
        for path in Self.recipes {
            let recipe = try RepositoryFiles.text(path)
            let arguments = recipe.matches(of: #/(?:^|\n)ARG (\w+)=(\S+)/#).map { (String($0.1), String($0.2)) }
            let stages = recipe.matches(of: #/(?:^|\n)FROM \S+ AS (\S+)/#).map { String($0.1) }
            let images = recipe.matches(of: #/(?:^|\n)FROM (\S+)/#).map { String($0.1) }
            #expect(!images.isEmpty)
            for image in images where !stages.contains(image) {
                let problem = Self.looseness(of: image, arguments: Dictionary(arguments) { first, _ in first })
                #expect(problem == nil, "\(path): \(problem ?? "")")
            }
        }
    }

    @Test(
        "the rule detects references that are not pinned",
        arguments: [
            "debian:bookworm-slim", "debian:bookworm-slim@${DIGEST}", "debian@sha256:abc", "debian@${OTHER}",
        ])
    func loose(image: String) {
        #expect(Self.looseness(of: image, arguments: ["DIGEST": "sha256:12"]) != nil)
    }

    @Test("`make base-digests` writes each digest of the Dockerfiles")
    func raising() throws {
        let makefile = try RepositoryFiles.text("Makefile")
        for match in try RepositoryFiles.text("controller/Containerfile").matches(of: #/\nARG (\w+_DIGEST)=/#) {
            #expect(makefile.contains("\(match.1)=docker.io/"), "\(match.1)")
        }
    }

    @Test("each action is pinned by its commit, with its version in a comment")
    func actions() throws {
        #expect(Self.pipelines.count >= 2)
        var count = 0
        for path in Self.pipelines {
            for match in try RepositoryFiles.text(path).matches(of: #/\buses: *(.+)/#) {
                count += 1
                let isPinned = match.1.wholeMatch(of: #/[\w.-]+\/[\w.\/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+/#) != nil
                #expect(isPinned, "\(path): \(match.1)")
            }
        }
        #expect(count >= 2)
    }

    @Test("each image of a pipeline has a fixed version")
    func pipelineImages() throws {
        for path in Self.pipelines {
            let text = try RepositoryFiles.text(path)
            if !path.hasSuffix("Jenkinsfile") {
                #expect(try Yams.load_all(yaml: text).contains { $0 is [String: Any] })
            }
            let images = text.matches(of: #/(?:image|container|name):? *["']?([a-z0-9.-]+\/[^\s"',}]+)/#).map(\.1)
            #expect(!images.isEmpty, "\(path)")
            for image in images {
                let isExact = image.contains(#/:\d+\.\d+\.\d+$/#) || image.contains(#/@sha256:[0-9a-f]{64}$/#)
                #expect(isExact, "\(path): \(image)")
            }
        }
    }

    @Test("the tool that writes the bill of materials is installed with pinned hashes")
    func tools() throws {
        let lines = try RepositoryFiles.text(".ci/requirements-sbom.txt").split(separator: "\n")
        let named = lines.indices.filter { lines[$0].contains("==") }
        #expect(named.count > 5)
        for index in named {
            #expect(index + 1 < lines.count && lines[index + 1].contains("--hash=sha256:"), "\(lines[index])")
        }
        #expect(try RepositoryFiles.text("Makefile").contains("--require-hashes -r .ci/requirements-sbom.txt"))
    }
}
