import SafeText

/// Decodes strings.
extension JSONScanner {
    /// The text of a string, given the range that `string` returned.
    /// - Returns: nil if an escape is invalid, a surrogate has no partner, or the bytes are not UTF-8.
    static func text(_ bytes: UnsafeRawBufferPointer, _ quoted: Range<Int>) -> String? {
        let inner = bytes[quoted.dropFirst().dropLast()]
        guard inner.contains(0x5c) else { return String(validating: inner, as: UTF8.self) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(inner.count)
        var offset = inner.startIndex
        while offset < inner.endIndex {
            let byte = inner[offset]
            offset += 1
            guard byte == 0x5c else {
                decoded.append(byte)
                continue
            }
            guard offset < inner.endIndex else { return nil }
            let escape = inner[offset]
            offset += 1
            if escape == 0x75 {
                guard let scalar = scalar(inner, &offset) else { return nil }
                decoded += scalar.utf8
            } else {
                guard let plain = plain(escape) else { return nil }
                decoded.append(plain)
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func plain(_ escape: UInt8) -> UInt8? {
        switch escape {
        case 0x22, 0x5c, 0x2f: escape
        case 0x62: 0x08
        case 0x66: 0x0c
        case 0x6e: 0x0a
        case 0x72: 0x0d
        case 0x74: 0x09
        default: nil
        }
    }

    /// The scalar after `\u`: four hex digits, or two surrogates of four digits each.
    private static func scalar(_ text: Slice<UnsafeRawBufferPointer>, _ offset: inout Int) -> Unicode.Scalar? {
        guard let first = codeUnit(text, &offset) else { return nil }
        guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
        guard offset + 1 < text.endIndex, text[offset] == 0x5c, text[offset + 1] == 0x75 else { return nil }
        offset += 2
        guard let second = codeUnit(text, &offset), UTF16.isTrailSurrogate(second) else { return nil }
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    private static func codeUnit(_ text: Slice<UnsafeRawBufferPointer>, _ offset: inout Int) -> UInt16? {
        guard offset + 4 <= text.endIndex else { return nil }
        var unit: UInt16 = 0
        for byte in text[offset..<offset + 4] {
            guard let digit = Hex.value(of: byte) else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        offset += 4
        return unit
    }
}

/// A scalar value in an answer or a request.
package enum JSONScalar: Hashable, Sendable {
    case number(Double)
    case string(String)
    case boolean(Bool)

    /// - Parameter range: the range of a value, from `JSONScanner.range`.
    /// - Returns: nil for null, arrays and objects.
    package init?(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: bytes[range]))
        do {
            switch try scanner.kind() {
            case .number: self = .number(try scanner.number())
            case .boolean: self = .boolean(try scanner.boolean())
            case .string:
                guard let text = JSONScanner.text(bytes, range) else { return nil }
                self = .string(text)
            case .object, .array, .null: return nil
            }
        } catch {
            return nil
        }
    }
}
