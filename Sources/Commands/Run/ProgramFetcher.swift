import Foundation
import MetricSources
import ModelManifests
import ModelStorage
import Synchronization

/// A fetcher of the settings: a program that is started without a shell, as `COMMAND… ADDRESS FOLDER`.
///
/// It ends with 0 if the folder holds the whole model, with 3 if there is no such model, with 4 if its credentials are missing or
/// wrong, and with any other code if another attempt may help. Lines `progress BYTES [TOTAL]` of its output are shown in `status`;
/// the last line of its errors becomes part of the message.
struct ProgramFetcher: ModelFetcher {
    static let missing = 3
    static let unauthorized = 4
    static let maximumLineBytes = 4096
    static let shownBytes = 300
    /// Of the controller's environment. Others only if the settings name them.
    static let variables = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ"]

    let settings: FetcherSettings
    let environment: [String: String]

    func fetch(
        _ address: String, into folder: String, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws {
        let names = Self.variables + (settings.variables ?? [])
        let command = SessionCommand(
            words: settings.command + [address, folder], environment: environment.filter { names.contains($0.key) },
            folder: folder, timeout: settings.timeLimit)
        let lines = Mutex((output: FetcherLines(), errors: FetcherLines()))
        let end = await command.run { stream, bytes in
            let reports = lines.withLock { lines in
                guard stream == .output else {
                    lines.errors.take(bytes)
                    return [TransferProgress]()
                }
                return lines.output.take(bytes).compactMap(FetcherLines.progress)
            }
            for report in reports { progress(report) }
        }
        if let error = try Self.error(of: end, settings, said: lines.withLock { $0.errors.last }) { throw error }
    }

    /// - Returns: nil if the program fetched the model.
    /// - Throws: `CancellationError`.
    static func error(of end: SessionCommand.End, _ settings: FetcherSettings, said: String) throws -> StorageError? {
        let name = "The fetcher '\(settings.name)'"
        let words = said.isEmpty ? "It wrote nothing to its standard error." : "It says: \(said.prefix(shownBytes))"
        return switch end {
        case .exited(0): nil
        case .exited(missing): StorageError(.notFound, "\(name) found no such model. \(words)")
        case .exited(unauthorized):
            StorageError(.unauthorized, "\(name) has no credentials that the store accepts. \(words)")
        case .exited(let code): StorageError(.unreachable, "\(name) ended with \(code). \(words)")
        case .signalled(let signal): StorageError(.unreachable, "\(name) was ended by signal \(signal). \(words)")
        case .timedOut:
            StorageError(
                .unreachable,
                "\(name) did not end within \(Int(settings.timeLimit / .seconds(1))) seconds and was ended. Raise its 'timeout'. "
                    + words)
        case .cancelled: throw CancellationError()
        case .failed(let reason): StorageError(.unsupported, "\(name) cannot run: \(reason).")
        }
    }
}

/// The lines of a program's output, each cut to a limit. Only the last one is kept.
struct FetcherLines: Sendable {
    private var rest: [UInt8] = []
    private(set) var last = ""

    /// - Returns: the lines that ended.
    @discardableResult
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == 0x0A || byte == 0x0D {
                let line = String(decoding: rest, as: UTF8.self).trimmingCharacters(in: .whitespaces)
                rest = []
                guard !line.isEmpty else { continue }
                last = line
                lines.append(line)
            } else if rest.count < ProgramFetcher.maximumLineBytes {
                rest.append(byte)
            }
        }
        return lines
    }

    /// Reads `progress BYTES [TOTAL]`.
    static func progress(_ line: String) -> TransferProgress? {
        let words = line.split(separator: " ")
        guard words.first == "progress", (2...3).contains(words.count), let bytes = Int64(words[1]), bytes >= 0 else {
            return nil
        }
        let total = words.count == 3 ? Int64(words[2]) : nil
        guard words.count == 2 || (total ?? -1) >= 0 else { return nil }
        return TransferProgress(bytes: bytes, totalBytes: total)
    }
}

/// `fetchers:` of the settings.
struct FetcherSettings: Decodable, Hashable, Sendable {
    static let defaultTimeout = Duration.seconds(3600)
    static let longestSeconds = 86_400
    static let maximumCount = 20

    /// The NAME of `fetch+NAME:ADDRESS`.
    var name: String
    /// The program and its first arguments. The address and the folder follow.
    var command: [String]
    var timeoutSeconds: Int?
    /// Names of variables of the controller's environment that the program gets, such as credentials.
    var variables: [String]?

    var timeLimit: Duration { timeoutSeconds.map { .seconds($0) } ?? Self.defaultTimeout }

    /// - Throws: `SettingsFault`.
    static func check(_ fetchers: [FetcherSettings]) throws {
        guard fetchers.count <= maximumCount else {
            throw SettingsFault(at: [.field("fetchers")], "there are more than \(maximumCount) fetchers")
        }
        var names: Set<String> = []
        for (index, fetcher) in fetchers.enumerated() {
            func fault(_ field: String, _ message: String) -> SettingsFault {
                SettingsFault(at: [.field("fetchers"), .index(index), .field(field)], message)
            }
            guard fetcher.name.wholeMatch(of: /[a-z0-9][a-z0-9-]{0,62}/) != nil else {
                throw fault("name", "'\(fetcher.name)' must be lower-case letters, digits and '-', such as dvc")
            }
            guard names.insert(fetcher.name).inserted else {
                throw fault("name", "the fetcher '\(fetcher.name)' is given twice")
            }
            guard let program = fetcher.command.first, program.hasPrefix("/") else {
                throw fault("command", "must begin with the absolute path of a program")
            }
            guard (1...longestSeconds).contains(fetcher.timeoutSeconds ?? 1) else {
                throw fault("timeoutSeconds", "must be from 1 to \(longestSeconds)")
            }
        }
    }
}
