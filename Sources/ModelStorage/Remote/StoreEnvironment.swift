import Foundation

/// Where stores' own clients look for addresses and credentials. Read once, when the process starts.
package struct StoreEnvironment: Sendable {
    static let maximumFileBytes = 1 << 20

    let variables: [String: String]
    let home: String

    package init(_ variables: [String: String] = ProcessInfo.processInfo.environment, home: String = NSHomeDirectory())
    {
        self.variables = variables
        self.home = home
    }

    /// Nil if it is not set, or empty.
    subscript(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// The text of a file; nil if there is none.
    ///
    /// - Throws: `StorageError` if it is there and cannot be read.
    func text(of path: String) throws -> String? {
        let path = path.hasPrefix("~/") ? home + path.dropFirst() : path
        do {
            return try FileCall.withDescriptor(path, O_RDONLY) { descriptor in
                var bytes: [UInt8] = []
                try FileCall.read(descriptor, path: path, cancellation: Cancellation()) { piece in
                    bytes += piece
                    guard bytes.count <= Self.maximumFileBytes else {
                        throw StorageError(
                            .fileSystem, "\(path) is larger than \(SizeText.of(Int64(Self.maximumFileBytes))).")
                    }
                }
                return String(decoding: bytes, as: UTF8.self)
            }
        } catch let error as StorageError where error.code == .notFound {
            return nil
        }
    }
}
