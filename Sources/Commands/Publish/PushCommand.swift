import ArgumentParser
import Foundation
import ModelStorage
import SafeText

/// `mlctl push`: puts a model's files into a registry, as an artifact.
struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Push a model's files to an OCI registry.",
        discussion: """
            Each file becomes a layer with its path as the title, as `oras push` writes it. Layers that the registry has \
            already are not sent again. The user and password come from Docker's config.json (`docker login`), in the folder \
            that DOCKER_CONFIG names or in ~/.docker.

            It prints the address with the digest of the manifest, which never changes, and the digest of the files, for \
            `model.digest`.

            Examples:
              mlctl push ./fraud-v3 oci://registry.example.com/models/fraud:v3
              DOCKER_CONFIG=/etc/ci mlctl push model.onnx oci://ghcr.io/acme/fraud:2026-11-30
            """)

    @Argument(help: "The folder, or the file.") var folder: String
    @Argument(help: "The address, such as oci://registry.example.com/models/fraud:v3.") var address: String

    func run() async throws {
        do {
            let result = try await ModelPush().push(folder, to: address) { step in
                let what = step.wasPresent ? "is there already" : "sent"
                FileHandle.standardError.write(
                    Data("\(Escape.line("\(step.path): \(SizeText.of(step.bytes)) \(what)"))\n".utf8))
            }
            print(Escape.line("storageUri: \(result.pinned)"))
            print(Escape.line("digest: \(result.files)"))
        } catch let error as StorageError {
            throw CommandFailure(.failed, error.message)
        }
    }
}
