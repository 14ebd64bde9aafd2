import ArgumentParser
import Foundation
import ModelStorage
import SafeText

/// `mlctl pack`: writes the listing by which a folder is fetched from a web server.
struct PackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack", abstract: "Write the listing of a folder, so that a web server can serve it.",
        discussion: """
            Web servers list no folders. `mlctl pack` writes \(ModelListing.fileName) into the folder: the path, size and \
            SHA-256 of each file. Upload it with the files; then the address of the folder, which ends with a slash, is a \
            model's storageUri. Each file is verified when it is fetched.

            Examples:
              mlctl pack ./fraud-v3
              rsync -r ./fraud-v3 web:/srv/models/     # storageUri: https://models.example.com/fraud-v3/
            """)

    @Argument(help: "The folder.") var folder: String

    func run() async throws {
        do {
            let summary = try await ModelListing.write(folder)
            print(
                Escape.line("\(folder)/\(ModelListing.fileName): \(summary.files) files, \(SizeText.of(summary.bytes))")
            )
            print(Escape.line("digest: \(summary.digest)"))
        } catch let error as StorageError {
            throw CommandFailure(.failed, error.message)
        }
    }
}
