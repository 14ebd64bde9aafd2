/// An object in a page of a store's listing.
protocol ListedObject {
    var name: String { get }
    /// Whether it only stands for a folder.
    var isMarker: Bool { get }
}

extension ListedObject {
    var isMarker: Bool { name.hasSuffix("/") }
}

/// Lists a model in a store of objects: the object of its name, or else all objects below it.
struct ObjectListing<Location: ObjectLocation, Object: ListedObject> {
    typealias Page = (objects: [Object], next: String?)

    let location: Location
    let access: StoreAccess
    let limits: StorageLimits
    /// Pages after which a folder is refused, and the most objects of one. Folders' own markers count too.
    let maximumPages: Int
    let pageObjects: Int
    /// What the store calls an object.
    var noun = "object"

    /// - Parameters:
    ///   - page: of at most `count` objects whose names begin with `prefix`, in order, after a page's `next`.
    ///   - file: the object as a file of the model at `path`.
    ///   - noListing: the error where the answers are no listing.
    /// - Throws: `StorageError`, `CancellationError`, and what `page` and `file` throw.
    func list(
        page: (_ prefix: String, _ next: String?, _ count: Int) async throws -> Page,
        file: (_ object: Object, _ path: String) throws -> RemoteFile, noListing: () -> StorageError
    ) async throws -> RemoteListing {
        let name = location.path.name
        if !location.isFolder {
            // A name is the first of all names that begin with it.
            let first = try await page(name, nil, 1).objects.first
            if let first, first.name.utf8.elementsEqual(name.utf8) {
                return try listing([try file(first, location.fileName)], isSingleFile: true)
            }
        }
        let prefix = name + "/"
        var files: [RemoteFile] = []
        var next: String?
        for _ in 0..<maximumPages {
            let found = try await page(prefix, next, pageObjects)
            for object in found.objects where !object.isMarker {
                guard object.name.utf8.starts(with: prefix.utf8) else { throw noListing() }
                files.append(
                    try file(object, String(decoding: object.name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)))
            }
            next = found.next
            guard next != nil, files.count <= limits.maximumFiles else { break }
        }
        guard next == nil || files.count > limits.maximumFiles else {
            throw StorageError(
                .tooLarge, "\(location) has more than \(maximumPages * pageObjects) \(noun)s. Name a smaller folder.")
        }
        guard !files.isEmpty else {
            throw StorageError(
                .notFound,
                "\(location) names no \(noun), and no \(noun)s are below it. Check the path; upper and lower case differ."
            )
        }
        return try listing(files, isSingleFile: false)
    }

    /// The listing of one object at a given version, which needs no question.
    func pinned(_ file: RemoteFile) throws -> RemoteListing { try listing([file], isSingleFile: true) }

    private func listing(_ files: [RemoteFile], isSingleFile: Bool) throws -> RemoteListing {
        try RemoteListing(
            files, isSingleFile: isSingleFile, access: access, of: location.description, limits: limits)
    }
}
