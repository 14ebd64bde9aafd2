/// A page of ListObjectsV2.
struct S3Page: Hashable, Sendable {
    struct Object: ListedObject, Hashable, Sendable {
        var key = ""
        var bytes: Int64 = 0
        /// With its quotation marks.
        var tag = ""
        var modified = ""

        var name: String { key }
    }

    var objects: [Object] = []
    var next: String?
    private var isTruncated = false
    private var isEncoded = false

    /// - Returns: nil if the bytes are not such a page.
    init?(_ bytes: [UInt8]) {
        var object: Object?
        var isPage = false
        let isWhole = XMLFields.read(bytes) { path, text in
            switch path {
            case ["ListBucketResult"]: isPage = true
            case ["ListBucketResult", "IsTruncated"]: isTruncated = text == "true"
            case ["ListBucketResult", "NextContinuationToken"]: next = text
            case ["ListBucketResult", "EncodingType"]: isEncoded = text == "url"
            case ["ListBucketResult", "Contents", "Key"]: object = Object(key: text)
            case ["ListBucketResult", "Contents", "Size"]: object?.bytes = Int64(text) ?? -1
            case ["ListBucketResult", "Contents", "ETag"]: object?.tag = text
            case ["ListBucketResult", "Contents", "LastModified"]: object?.modified = text
            case ["ListBucketResult", "Contents"]:
                if let object { objects.append(object) }
                object = nil
            default: break
            }
        }
        guard isWhole, isPage, isTruncated == (next != nil) || !isTruncated else { return nil }
        if !isTruncated { next = nil }
        guard isEncoded else { return }
        for index in objects.indices {
            let key = objects[index].key.replacing("+", with: " ")
            guard let decoded = key.removingPercentEncoding else { return nil }
            objects[index].key = decoded
        }
    }
}

/// The error that S3 and STS answer with.
struct S3Failure: Hashable, Sendable {
    var code = ""
    var region: String?

    init(_ text: String) {
        _ = XMLFields.read(Array(text.utf8)) { path, text in
            switch path.last {
            case "Code": code = String(text.prefix(100))
            case "Region" where path.count == 2: region = String(text.prefix(100))
            default: break
            }
        }
    }
}

enum XMLFields {
    /// Calls `body` at the end of each element, with the names from the root down to it, and its own text.
    ///
    /// - Returns: false if the bytes are not a whole document.
    static func read(_ bytes: [UInt8], _ body: (_ path: [String], _ text: String) -> Void) -> Bool {
        var scanner = XMLScanner(bytes)
        var path: [String] = []
        var texts: [String] = []
        while true {
            do {
                switch try scanner.next() {
                case .open(let name):
                    path.append(name)
                    texts.append("")
                case .text(let text): texts[texts.count - 1] += text
                case .close:
                    body(path, texts.removeLast())
                    path.removeLast()
                case nil: return true
                }
            } catch {
                return false
            }
        }
    }
}
