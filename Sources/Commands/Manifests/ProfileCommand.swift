import ArgumentParser
import Foundation
import JSON
import ModelManifests

/// `mlctl profile`: creates a reference for drift gates.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Create a PredictionProfile, the reference of a drift gate.",
        discussion: """
            Counts the values in one column of a CSV file, or at one path in JSON lines. Numbers are sorted into \
            ten buckets of about the same size, other values by label. Give --buckets or --classes to sort as the \
            deployment's observation does. Commit the output next to the manifest.

            Examples:
              mlctl profile train.csv --column score -o profile.yaml
              mlctl profile train.csv --column score --buckets 0.1,0.25,0.5,0.75,0.9
              mlctl profile train.csv --column label --classes cat,dog,bird -n vision
              zcat answers.jsonl.gz | mlctl profile - --path 'outputs[0].data[0]' --name score

            In the ModelDeployment:
              traffic:
                observe:
                - {name: score, path: 'outputs[0].data[0]', buckets: [0.1, 0.5]}
              rollout:
                gates:
                - {name: drift, drift: {observe: score, profile: score}}
            """)

    @Argument(help: "The data: CSV with a header, or JSON lines; - reads standard input.") var data: String
    @Option(help: "For CSV: the column.") var column: String?
    @Option(help: "For JSON lines: the path of the value in each line, such as outputs[0].data[0].") var path: String?
    @Option(
        parsing: .unconditional,
        help: "Upper edges of the buckets, ascending: 0.1,0.5. One more bucket holds larger values."
    ) var buckets: String?
    @Option(help: "The number of buckets of about the same size, 2 to \(PredictionBuckets.countLimit).") var bins: Int?
    @Option(parsing: .unconditional, help: "Labels, quoted as in CSV. One more bucket holds all others.") var classes:
        String?
    @Option(help: "The profile's name. Default: the name of the column or the path.") var name: String?
    @Option(name: .shortAndLong, help: "Its namespace.") var namespace: String?
    @Option(name: .shortAndLong, help: "The file to write. Default: standard output.") var output: String?

    private enum Place {
        case column(String)
        case path(JSONPath)
    }

    func run() throws {
        let place = try place()
        var tally = ProfileTally(try sorting())
        let name = try profileName(place)
        if let namespace, !NameRules.isDNSLabel(namespace) {
            throw ValidationError("'\(namespace)' is not a namespace: use lower-case letters, digits and '-'")
        }
        guard data == "-" || isReadableFile(data), let lines = LineReader(path: data) else {
            throw ValidationError("\(data) does not exist or cannot be read")
        }
        let profile: PredictionProfile
        do {
            try Self.count(lines, place, into: &tally)
            profile = try tally.profile()
        } catch {
            throw CommandFailure(.failed, "\(data): \(error)")
        }
        let manifest = ProfileManifest(
            name: name, namespace: namespace,
            source:
                "\(column ?? path ?? "") of \(data == "-" ? "standard input" : (data as NSString).lastPathComponent)",
            profile: profile)
        try write(try manifest.yaml())
        try report(tally, manifest)
    }

    private static func count(_ lines: LineReader, _ place: Place, into tally: inout ProfileTally) throws(DataError) {
        switch place {
        case .column(let column):
            var values = try ColumnValues(lines, column: column)
            while let (line, value) = try values.next() { try tally.add(value, line: line) }
        case .path(let path):
            var values = PathValues(lines, path: path)
            while let (line, value) = try values.next() { try tally.add(value, line: line) }
        }
    }

    private func isReadableFile(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
            && FileManager.default.isReadableFile(atPath: path)
    }

    private func write(_ text: String) throws {
        guard let output else { return print(text, terminator: "") }
        do {
            try Data(text.utf8).write(to: URL(filePath: output), options: .atomic)
        } catch {
            throw CommandFailure(.failed, "\(output) cannot be written: \(error.localizedDescription)")
        }
    }

    /// Reports to standard error, so that standard output contains only the manifest.
    private func report(_ tally: ProfileTally, _ manifest: ProfileManifest) throws {
        var lines = ["\(tally.valueCount) values in \(manifest.profile.counts.count) buckets"]
        if tally.blankCount > 0 { lines[0] += "; \(tally.blankCount) rows without a value were left out" }
        lines.append("use the same buckets in the deployment's traffic.observe:")
        lines.append("- \(try manifest.observation(path: path ?? "outputs[0].data[0]"))")
        FileHandle.standardError.write(Data((lines.joined(separator: "\n") + "\n").utf8))
    }
}

// MARK: - Options

extension ProfileCommand {
    private func place() throws -> Place {
        let isJSON = [".jsonl", ".ndjson"].contains { data.hasSuffix($0) }
        switch (column, path) {
        case (let column?, nil):
            guard !isJSON else { throw ValidationError("\(data) contains JSON lines: use --path instead of --column") }
            return .column(column)
        case (nil, let path?):
            guard let parsed = JSONPath(path) else {
                throw ValidationError("'\(path)' is not a path, such as outputs[0].data[0]")
            }
            return .path(parsed)
        default: throw ValidationError("give --column for a CSV file, or --path for JSON lines")
        }
    }

    private func profileName(_ place: Place) throws -> String {
        let written =
            switch place {
            case .column(let column): column
            case .path(let path):
                path.steps.compactMap { if case .member(let name) = $0 { name } else { nil } }.last ?? ""
            }
        guard let name = name ?? NameRules.repairedLabel(written), NameRules.isDNSLabel(name) else {
            throw ValidationError(
                "'\(name ?? written)' is not a valid name: give --name with lower-case letters, digits and '-'")
        }
        return name
    }

    func sorting() throws -> ProfileTally.Sorting {
        guard [buckets != nil, bins != nil, classes != nil].count(where: \.self) <= 1 else {
            throw ValidationError("give only one of --buckets, --bins and --classes")
        }
        let most = PredictionBuckets.countLimit
        if let bins {
            guard (2...most).contains(bins) else { throw ValidationError("--bins must be 2 to \(most)") }
            return .quantiles(bins)
        }
        if let buckets {
            let edges = buckets.split(separator: ",", omittingEmptySubsequences: false).map {
                RecordedValue.text(String($0)).number
            }
            let numbers = edges.compactMap(\.self)
            guard numbers.count == edges.count, zip(numbers, numbers.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw ValidationError("--buckets must be ascending numbers, such as 0.1,0.25,0.5")
            }
            guard numbers.count < most else { throw ValidationError("--buckets can have at most \(most - 1) edges") }
            return .edges(numbers)
        }
        if let classes {
            let labels = try labels(classes)
            guard labels.count < most else { throw ValidationError("--classes can have at most \(most - 1) labels") }
            guard !labels.contains(""), Set(labels).count == labels.count else {
                throw ValidationError("--classes must be different labels, such as cat,dog")
            }
            return .classes(labels)
        }
        return .automatic
    }

    private func labels(_ text: String) throws -> [String] {
        do { return try CSVFields.split(text) } catch { throw ValidationError("--classes: \(error)") }
    }
}
