import Foundation
import Testing

@testable import ModelStorage

@Suite("Words of registries")
struct RegistryWordsTests {
    static let hex = String(repeating: "a", count: 64)

    @Test("an address has a registry, a repository, and a tag or a digest")
    func addresses() throws {
        let plain = try RegistryLocation("oci://Registry.example.com:5000/acme/models/fraud")
        #expect(plain.description == "oci://registry.example.com:5000/acme/models/fraud:latest")
        #expect(try plain.address("blobs/x").url == "https://registry.example.com:5000/v2/acme/models/fraud/blobs/x")
        let pinned = try RegistryLocation("oci://h/a:v1@sha256:\(Self.hex)")
        #expect(pinned.description == "oci://h/a@sha256:\(Self.hex)")
        #expect(pinned.isPinned)
        #expect(try RegistryLocation("oci://localhost:5000/a").address("x").url == "http://localhost:5000/v2/a/x")
        #expect(
            try RegistryLocation("oci://docker.io/redis").address("x").url
                == "https://registry-1.docker.io/v2/library/redis/x")
    }

    @Test(
        "malformed addresses are refused",
        arguments: [
            "oci:h/a", "oci://h", "oci://h/", "oci://h/A", "oci://h/a:", "oci://h/a@", "oci://h/a@sha256:12",
            "oci://h/a?b",
            "oci://h/a#b", "oci://u@h/a", "oci://h:0/a", "oci://h/a/../b", "oci://h/-a", "oci://h/a:-b", "oci://h:x/a",
        ])
    func malformed(uri: String) {
        let error = #expect(throws: StorageError.self) { try RegistryLocation(uri) }
        #expect(error?.code == .unsupported)
    }

    @Test("a challenge is read with its quotes, and a token is preferred to a password")
    func challenges() {
        let bearer =
            #"Bearer realm="https://a.io/token",service="reg \"x\"",scope="repository:a:pull",error=invalid_token"#
        #expect(
            RegistryChallenge(["Basic realm=\"x\"", bearer])
                == .bearer(
                    realm: "https://a.io/token", service: #"reg "x""#, scope: "repository:a:pull",
                    error: "invalid_token"))
        #expect(RegistryChallenge(["Basic realm=\"x\""]) == .basic)
        for text in ["", "Negotiate", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"x", "Bearer =\"x\""] {
            #expect(RegistryChallenge([text]) == nil, "\(text)")
        }
    }

    @Test("credentials go to the registry's own domain only")
    func realms() throws {
        func may(_ realm: String, _ registry: String) throws -> Bool {
            RegistryChallenge.mayReceive(realm: try WebLocation(realm), of: try WebLocation(registry))
        }
        #expect(try may("https://auth.docker.io/token", "https://registry-1.docker.io/v2/"))
        #expect(try may("https://gitlab.com/jwt/auth", "https://registry.gitlab.com/v2/"))
        #expect(try may("http://127.0.0.1:5000/token", "http://127.0.0.1:5000/v2/"))
        #expect(try !may("https://docker.io.evil.example/token", "https://registry-1.docker.io/v2/"))
        #expect(try !may("https://1.2.3.4/token", "https://5.6.3.4/v2/"))
        #expect(try !may("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/v2/"))
        #expect(try !may("https://registry/token", "https://other/v2/"))
    }

    @Test("Docker's configuration gives a password under each way to write the registry")
    func configuration() {
        let auth = Data("ada:pa:ss".utf8).base64EncodedString()
        let file = DockerConfig(
            Array(
                #"{"auths": {"https://h/v1/": {"auth": "\#(auth)"}, "i": {"identitytoken": "x"}, "e": {}, "bad": {"auth": "%"}}, "credHelpers": {"g": "gcr"}, "credsStore": "pass"}"#
                    .utf8))
        #expect(file?.entry(for: ["h", "https://h/v1/"]) == .password(user: "ada", password: "pa:ss"))
        #expect(file?.entry(for: ["i"]) == .unusable)
        #expect(file?.entry(for: ["bad"]) == .unusable)
        #expect(file?.entry(for: ["e"]) == .helper("pass"))
        #expect(file?.entry(for: ["g"]) == .helper("gcr"))
        #expect(file?.entry(for: ["unknown"]) == nil)
        #expect(DockerConfig(Array("[]".utf8)) == nil)
        #expect("\(file.map { "\($0)" } ?? "")" == "a Docker configuration")
    }

    private func layers(_ layers: String, config: String = "application/vnd.oci.empty.v1+json") throws
        -> RegistryManifest?
    {
        let text =
            #"{"schemaVersion": 2, "config": {"mediaType": "\#(config)", "digest": "sha256:\#(Self.hex)", "size": 2}, "layers": [\#(layers)]}"#
        guard case .manifest(let manifest) = try RegistryManifest.read(Array(text.utf8)) else { return nil }
        return manifest
    }

    private func layer(_ type: String, _ annotations: String = "") -> String {
        #"{"mediaType": "\#(type)", "digest": "sha256:\#(Self.hex)", "size": 1, "annotations": {\#(annotations)}}"#
    }

    @Test("titles, marks and types say what a layer is")
    func layers() throws {
        let title = #""org.opencontainers.image.title": "a/b""#
        let unpack = title + #", "io.deis.oras.content.unpack": "true""#
        let keep = title + #", "io.deis.oras.content.unpack": "false""#
        let tar = "application/vnd.oci.image.layer.v1.tar"
        let cases: [(String, LayerPlan.Content)] = [
            (layer("application/octet-stream", title), .file(path: "a/b")), (layer(tar, title), .file(path: "a/b")),
            (layer("\(tar)+gzip", unpack), .archive), (layer("application/x.model.v1.tar+gzip", title), .archive),
            (layer("application/x.model.v1.tar+gzip", keep), .file(path: "a/b")),
            (layer("application/x.model.v1.tar"), .archive),
        ]
        for (text, content) in cases { #expect(try layers(text)?.blobs.map(\.content) == [content], "\(text)") }
        #expect(try layers(layer("\(tar)+gzip"), config: RegistryManifest.imageConfigs[0])?.isImage == true)
        #expect(try layers(layer("\(tar)+gzip", title), config: RegistryManifest.imageConfigs[0])?.isImage == false)
        #expect(try layers(layer("text/plain", title) + "," + layer("text/plain"))?.blobs.count == 1)
    }

    @Test(
        "manifests that cannot be used are refused",
        arguments: [
            "{}", "[]", #"{"schemaVersion": 1, "layers": []}"#, #"{"schemaVersion": 2, "layers": []}"#,
            #"{"schemaVersion": 2}"#,
            #"{"schemaVersion": 2, "layers": [{"digest": "sha256:12", "size": 1, "mediaType": "x.tar"}]}"#,
            #"{"schemaVersion": 2, "layers": [{"digest": "sha256:\#(hex)", "size": -1, "mediaType": "x.tar"}]}"#,
            #"{"schemaVersion": 2, "layers": [{"digest": "sha256:\#(hex)", "size": 1, "mediaType": "text/plain"}]}"#,
        ])
    func badManifests(text: String) {
        #expect(throws: ArchiveFault.self) { try RegistryManifest.read(Array(text.utf8)) }
    }

    @Test("attestations in an index are no platforms")
    func attestations() throws {
        let text = #"""
            {"schemaVersion": 2, "manifests": [
              {"digest": "sha256:\#(Self.hex)", "size": 1, "platform": {"os": "linux", "architecture": "riscv64"}},
              {"digest": "sha256:\#(Self.hex)", "size": 1, "platform": {"os": "unknown", "architecture": "unknown"}},
              {"digest": "sha256:\#(Self.hex)", "size": 1, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}]}
            """#
        guard case .index(let index) = try RegistryManifest.read(Array(text.utf8)) else {
            Issue.record("no index")
            return
        }
        #expect(index.entries.map(\.platform) == ["linux/riscv64"])
        // The only image is taken, whatever its platform: a model is data.
        #expect(index.choose("linux/amd64")?.hex == Self.hex)
    }

    @Test("tokens have a lifetime of at most a day, and no characters that end a header")
    func tokens() {
        #expect(RegistryToken(Array(#"{"access_token": "x", "expires_in": 1e9}"#.utf8))?.lifetime == 86_400)
        #expect(RegistryToken(Array(#"{"token": "", "access_token": "y"}"#.utf8))?.text == "y")
        #expect(RegistryToken(Array(#"{"token": "a\nb"}"#.utf8)) == nil)
        #expect(RegistryToken(Array(#"{}"#.utf8)) == nil)
    }
}

@Suite("Layers of images")
struct LayerOverlayTests {
    private func entry(_ path: String, _ kind: ArchiveEntry.Kind = .file(isExecutable: false)) -> ArchiveEntry {
        ArchiveEntry(path: path, kind: kind, bytes: 0)
    }

    /// The paths that are taken, from the highest layer down.
    private func taken(_ layers: [[ArchiveEntry]]) throws -> [String] {
        var overlay = LayerOverlay()
        var result: [String] = []
        for layer in layers.reversed() {
            for entry in layer { if let kept = try overlay.take(entry) { result.append(kept.path) } }
            overlay.endLayer()
        }
        return result
    }

    @Test("a whiteout hides lower layers, and not its own")
    func whiteouts() throws {
        #expect(
            try taken([
                [entry("models/a"), entry("models/d/x")],
                [entry("models/.wh.a"), entry("models/a"), entry("models/.wh.d")],
            ])
                == ["a"])
        #expect(
            try taken([[entry("models/d/x")], [entry("models/d/.wh..wh..opq"), entry("models/d/y")]]) == ["d/y"])
        #expect(try taken([[entry("models/x")], [entry(".wh.models"), entry("models/y")]]) == ["y"])
        #expect(try taken([[entry("models/x")], [entry(".wh..wh..opq")]]) == [])
        #expect(try taken([[entry("models/x")], [entry("models/.wh..wh..opq")]]) == [])
    }

    @Test("names that differ only in how Unicode writes them are different files")
    func bytes() throws {
        #expect(try taken([[entry("models/e\u{301}")], [entry("models/\u{E9}")]]).count == 2)
    }

    @Test("absolute paths, and the paths of other folders, are of the image's root")
    func roots() throws {
        #expect(
            try taken([[entry("/models/x"), entry("./models/y"), entry("modelsx/z"), entry("mnt/models/w")]]) == [
                "x", "y",
            ])
    }
}
