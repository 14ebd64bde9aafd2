import KubernetesClient

/// An object's metadata in one block of memory.
///
/// Caches hold tens of thousands of objects. A dozen short texts for each, as separate values, would take four times as much
/// memory and fragment it, so that the allocator could return nothing. Reading unpacks the metadata, so read only a few
/// objects at a time.
struct PackedMetadata: Hashable, Sendable {
    private let bytes: [UInt8]

    /// Keeps only the fields that are read from objects of the API server.
    init(_ metadata: ObjectMetadata) {
        var writer = Writer()
        writer.put(metadata.name)
        writer.put(metadata.namespace)
        writer.put(metadata.uid)
        writer.put(metadata.resourceVersion)
        writer.put(metadata.generation.map(String.init))
        writer.put(metadata.deletionTimestamp)
        for name in ObjectLabels.read { writer.put(metadata.labels[name]) }
        for name in ObjectAnnotations.read { writer.put(metadata.annotations[name]) }
        for owner in metadata.ownerReferences {
            writer.put(owner.apiVersion)
            writer.put(owner.kind)
            writer.put(owner.name)
            writer.put(owner.uid)
            writer.put(owner.controller.map(String.init))
            writer.put(owner.blockOwnerDeletion.map(String.init))
        }
        // Copied at its exact size: an array that grew has unused room.
        bytes = [UInt8](unsafeUninitializedCapacity: writer.bytes.count) { buffer, count in
            count = buffer.initialize(fromContentsOf: writer.bytes)
        }
    }

    var metadata: ObjectMetadata {
        bytes.withUnsafeBufferPointer { buffer in
            var reader = Reader(rest: buffer[...])
            var metadata = ObjectMetadata(name: reader.take() ?? "", namespace: reader.take(), uid: reader.take())
            metadata.resourceVersion = reader.take()
            metadata.generation = reader.take().flatMap { Int($0) }
            metadata.deletionTimestamp = reader.take()
            for name in ObjectLabels.read { metadata.labels[name] = reader.take() }
            for name in ObjectAnnotations.read { metadata.annotations[name] = reader.take() }
            while !reader.isAtEnd {
                metadata.ownerReferences.append(
                    OwnerReference(
                        apiVersion: reader.take() ?? "", kind: reader.take() ?? "", name: reader.take() ?? "",
                        uid: reader.take() ?? "", controller: reader.take().map { $0 == "true" },
                        blockOwnerDeletion: reader.take().map { $0 == "true" }))
            }
            return metadata
        }
    }

    /// Each text follows its length plus one, in seven bits a byte, the lowest first; 0 means nil.
    private struct Writer {
        var bytes: [UInt8] = []

        mutating func put(_ text: String?) {
            guard var text else { return bytes.append(0) }
            text.withUTF8 { utf8 in
                var length = utf8.count + 1
                while length >= 0x80 {
                    bytes.append(UInt8(length & 0x7f) | 0x80)
                    length >>= 7
                }
                bytes.append(UInt8(length))
                bytes.append(contentsOf: utf8)
            }
        }
    }

    private struct Reader {
        var rest: Slice<UnsafeBufferPointer<UInt8>>

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take() -> String? {
            var length = 0
            var shift = 0
            while let byte = rest.popFirst() {
                length |= Int(byte & 0x7f) << shift
                shift += 7
                if byte < 0x80 { break }
            }
            guard length > 0 else { return nil }
            defer { rest = rest.dropFirst(length - 1) }
            return String(decoding: rest.prefix(length - 1), as: UTF8.self)
        }
    }
}
