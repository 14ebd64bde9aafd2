import Foundation

@testable import ModelStorage

/// What stores answer, and the archives that they hold.
extension FuzzTarget {
    static let storeListing = FuzzTarget(
        "store-listing", reads: "listings and errors of S3 and the hub, and the files of AWS's clients",
        of: ["ModelStorage"],
        words: FuzzTargets.extremes + [
            "<?xml version=\"1.0\"?>", "<ListBucketResult>", "</ListBucketResult>", "<Contents>", "</Contents>",
            "<Key>",
            "</Key>", "<Size>", "</Size>", "<ETag>", "<IsTruncated>true</IsTruncated>",
            "<EncodingType>url</EncodingType>",
            "<NextContinuationToken>", "&amp;", "&#x41;", "&#", "<![CDATA[", "]]>", "<!--", "-->", "<!DOCTYPE", "<a/>",
            "%2F",
            "..", "../", "[default]\n", "[profile a]\n", "aws_access_key_id=", "s3://", "?versionId=",
            "hf://a/b@main?include=*", "\"siblings\":", "\"rfilename\":", "bucket",
        ]
    ) { input in
        if let page = S3Page(input) {
            let bytes = page.objects.reduce(0) { $0 + $1.key.utf8.count + $1.tag.utf8.count }
            try demand(bytes <= input.count, "\(bytes) bytes of \(input.count)")
            let paths = page.objects.map(\.key)
            if (try? PathSet.check(paths, of: "a model")) != nil {
                try demand(paths.allSatisfy { !$0.split(separator: "/").contains("..") }, "\(paths)")
            }
        }
        let text = String(decoding: input, as: UTF8.self)
        try demand(S3Failure(text).code.count <= 100, "a long code")
        _ = AWSIdentity.keys(input, now: Date(timeIntervalSince1970: 0))
        _ = AWSMetadata.keys(input)
        for isConfig in [false, true] { _ = AWSProfiles(text, isConfig: isConfig) }
        if let model = HubModel(input) {
            try demand(model.commit.utf8.count == HubStore.commitBytes, "the commit \(model.commit)")
        }
        if let location = try? HubLocation(text) {
            try demand(PathSet.isUsable(location.name) && HubLocation.isRevision(location.revision), "\(location)")
            _ = location.takes("a/b.safetensors")
        }
        if let location = try? S3Location(text) {
            try demand(PathSet.isUsable(location.key) && S3Location.isBucket(location.bucket), "\(location)")
        }
    }

    static let registryAnswer = FuzzTarget(
        "registry-answer",
        reads: "answers of MLflow, of OCI registries, of Google's and Azure's stores, and Docker's configuration",
        of: ["ModelStorage"],
        words: FuzzTargets.extremes + [
            "\"schemaVersion\":2", "\"layers\":[", "\"manifests\":[", "\"mediaType\":", "\"digest\":\"sha256:",
            "\"size\":",
            "\"annotations\":{", "org.opencontainers.image.title", "application/vnd.oci.image.layer.v1.tar+gzip",
            "\"platform\":{",
            "\"auths\":{", "\"auth\":", "\"credHelpers\":{", "Bearer realm=\"", "service=\"", "scope=\"", "Basic",
            "models:/", "runs:/",
            "mlflow-artifacts:/", "oci://", "gs://", "az://", "@sha256:", "\"files\":[", "\"is_dir\":true",
            "\"file_size\":", "#1",
            "\"items\":[", "\"generation\":", "\"nextPageToken\":", "<EnumerationResults>", "<Blob>", "<NextMarker>",
            "%2F", "../",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        if let items = MLflowAnswer.artifacts(input) {
            try demand(items.allSatisfy { PathSet.isUsable($0.name) && !$0.name.contains("/") }, "\(items)")
        }
        if let version = MLflowAnswer.version(input) { try demand(version.allSatisfy(\.isNumber), version) }
        _ = (MLflowAnswer.downloadURI(input), MLflowAnswer.runURI(input), MLflowAnswer.loggedModelURI(input))
        if let failure = MLflowAnswer.failure(text) { try demand(failure.message.count <= 300, "a long message") }
        if let reference = try? MLflowReference(text) {
            try demand(try MLflowReference(reference.description) == reference, "\(reference) is read as another")
        }
        if let artifacts = try? MLflowArtifacts(text) {
            try demand(PathSet.isUsable(artifacts.path), "\(artifacts)")
            try demand(try MLflowArtifacts(artifacts.description) == artifacts, "\(artifacts) is read as another")
        }
        if let location = try? RegistryLocation(text) {
            try demand(try RegistryLocation(location.description) == location, "\(location) is read as another")
        }
        if case .manifest(let manifest) = try? RegistryManifest.read(input) {
            try demand(
                !manifest.isImage || manifest.blobs.allSatisfy { $0.content == .archive }, "a titled layer of an image")
            try demand(manifest.blobs.allSatisfy { $0.bytes >= 0 }, "a negative size")
        }
        if case .bearer(let realm, _, _, _)? = RegistryChallenge([text]) {
            try demand(realm.utf8.count <= input.count, realm)
        }
        if let config = DockerConfig(input) { _ = config.entry(for: ["h", "a"]) }
        if let token = RegistryToken(input) { try demand(!token.text.contains("\n"), "a token with a line break") }
        if let page = GooglePage(input) { try demand(page.objects.allSatisfy { $0.bytes >= 0 }, "a negative size") }
        _ = try? GoogleCredentials(input, path: "/key.json")
        if let page = AzurePage(input) { try demand(page.blobs.allSatisfy { $0.bytes >= 0 }, "a negative size") }
        _ = AzureConnection(text)
        if let listing = ModelListing(input) {
            try demand(listing.files.allSatisfy { $0.bytes >= 0 && $0.sha256.utf8.count == 64 }, "\(listing.files)")
        }
        if let location = try? GoogleLocation(text) {
            try demand(PathSet.isUsable(location.name) && GoogleLocation.isBucket(location.bucket), "\(location)")
        }
        if let location = try? AzureLocation(text) { try demand(PathSet.isUsable(location.name), "\(location)") }
    }

    static let tarArchive = FuzzTarget(
        "tar-archive", reads: "tar archives, plain and compressed, from stores", of: ["ModelStorage"],
        words: [
            "ustar\u{0}00", "ustar  \u{0}", "0000644\u{0}", "11 path=ab\n", "20 path=a/long/name\n", "GNU.sparse.",
        ],
        triesInTests: 150
    ) { input in
        let bytes = MemoryBytes(input)
        let whole = ByteRange(bytes: bytes, position: 0, end: bytes.count)
        do {
            var reader = TarReader(whole)
            try check(&reader, limit: input.count)
        } catch is ArchiveFault {}
        do {
            var reader = TarReader(try InflatingSource(whole, .gzip))
            // Deflate expands to at most 1032 times its size.
            try check(&reader, limit: input.count * 1100)
        } catch is ArchiveFault {}
    }

    static let zipArchive = FuzzTarget(
        "zip-archive", reads: "zip archives from stores", of: ["ModelStorage"],
        words: ["PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "PK\u{6}\u{7}"], triesInTests: 150
    ) { input in
        do {
            let reader = try ZipReader(MemoryBytes(input), maximumFiles: 100)
            try demand(reader.items.count <= 100, "\(reader.items.count) files")
            for item in reader.items {
                var count: Int64 = 0
                do {
                    try reader.read(item) { count += Int64($0.count) }
                    try demand(count == item.entry.bytes, "\(count) bytes of \(item.entry.bytes)")
                } catch is ArchiveFault {}
                try demand(count <= item.entry.bytes, "\(count) bytes of at most \(item.entry.bytes)")
            }
        } catch is ArchiveFault {}
    }

    private static func check(_ reader: inout TarReader<some ByteSource>, limit: Int) throws {
        var total = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 16)
        defer { buffer.deallocate() }
        while let entry = try reader.next() {
            var count: Int64 = 0
            while true {
                let read = try reader.read(into: buffer)
                if read == 0 { break }
                count += Int64(read)
            }
            try demand(count == entry.bytes, "\(entry) has \(count) bytes")
            total += Int(count) + 512
            try demand(total <= limit, "\(total) bytes of \(limit)")
            if let path = Unpacking.path(entry.path), !path.isEmpty {
                try demand(PathSet.isUsable(path), "\(path.debugDescription) leaves the folder")
            }
            if case .link(let target) = entry.kind, Unpacking.stays(target, of: "a/b") {
                try demand(
                    !target.hasPrefix("/") && !target.hasPrefix("../../"), "a link to \(target.debugDescription)")
            }
        }
    }
}

/// An archive in memory.
private struct MemoryBytes: RandomBytes {
    private let bytes: [UInt8]
    var count: Int64 { Int64(bytes.count) }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard offset >= 0, offset < count else { return 0 }
        let part = bytes[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }
}
