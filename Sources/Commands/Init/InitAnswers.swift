import ArgumentParser
import Demo
import Foundation
import ModelManifests
import Presentation
import SafeText

/// What `mlctl init` needs to know, from flags, from the model's files, and from a person.
struct InitAnswers {
    /// The address of the model, or nil for the demo's.
    var model: String?
    var name: String?
    var runtime: String?

    /// Where questions can be asked; nil where nobody sits at a terminal.
    var ask: ((String, String) -> String?)?

    /// The demo's model, whose example request this name answers.
    static let exampleName = DemoFleet.modelName

    struct Choice {
        var name: String
        /// Nil: the demo's model, which `mlctl init` writes itself.
        var storageURI: String?
        var server: ModelServer
    }

    /// - Throws: `ValidationError` where something is missing or cannot be.
    func choice() throws -> Choice {
        var address = model
        if address == nil, let ask {
            address = ask(
                "Where is your model? A file, a folder, or https:, s3:, gs:, hf:, models:/…", "a small example")
        }
        guard let address, !address.isEmpty else {
            guard runtime == nil || runtime == "mlctl" else {
                throw ValidationError(
                    "--runtime \(runtime ?? "") needs a model: give --model FILE-OR-FOLDER-OR-ADDRESS")
            }
            guard let server = ModelServer(preset: "mlctl") else { throw ValidationError("there is no preset 'mlctl'") }
            return Choice(name: try checkedName(name ?? Self.exampleName), storageURI: nil, server: server)
        }
        let place = try Self.place(address)
        let server = try server(for: place, address)
        let guess = FirstRepository.name(from: address) ?? "model"
        return Choice(
            name: try checkedName(name ?? ask?("What is the deployment called?", guess) ?? guess),
            storageURI: place.uri,
            server: server)
    }

    private struct Place {
        var uri: String
        /// The names of the files; nil where they cannot be seen from here.
        var files: [String]?
    }

    private static func place(_ address: String) throws -> Place {
        let isAddress = address.firstMatch(of: #/^[a-z][a-z0-9+]*:/#) != nil
        guard !isAddress || address.hasPrefix("file:") else { return Place(uri: address) }
        let path =
            isAddress
            ? URL(string: address)?.path(percentEncoded: false) ?? address : (address as NSString).expandingTildeInPath
        let url = URL(fileURLWithPath: path).standardizedFileURL
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw ValidationError(
                "there is no file or folder \(url.path); give the model's path, or an address such as s3://bucket/model"
            )
        }
        let files =
            isFolder.boolValue ? try FileManager.default.contentsOfDirectory(atPath: url.path) : [url.lastPathComponent]
        return Place(uri: URL(filePath: url.path, directoryHint: .notDirectory).absoluteString, files: files)
    }

    private func server(for place: Place, _ address: String) throws -> ModelServer {
        let presets = RuntimePresets.texts.keys.sorted().joined(separator: ", ")
        let found = place.files.map { ModelServer(files: $0) } ?? ModelServer(address: address)
        var wanted = runtime
        if wanted == nil, found == nil, let ask {
            wanted = ask("Which runtime serves it? \(presets)", "mlserver") ?? "mlserver"
        }
        if let wanted, wanted != found?.runtime {
            guard let server = ModelServer(preset: wanted) else {
                throw ValidationError("there is no preset '\(wanted)'; use \(presets)")
            }
            return server
        }
        guard let found else {
            throw ValidationError(
                "the files do not tell which server they are for; give --runtime with \(presets)")
        }
        return found
    }

    private func checkedName(_ name: String) throws -> String {
        guard NameRules.isDNSLabel(name) else {
            let advice = NameRules.repairedLabel(name).map { "such as '\($0)'" } ?? "such as 'fraud-scorer'"
            throw ValidationError(
                "'\(name)' cannot be a deployment's name; use lower-case letters, digits and '-', \(advice)")
        }
        return name
    }
}
