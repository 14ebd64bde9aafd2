import Foundation
import Testing

@testable import TrafficProxy

@Suite("Spare pages with preallocated space")
struct SparePagesTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "mlctl-pages-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder + "/p")
    }

    private func open(_ path: String) -> SparePages { SparePages(path: path, bytesMax: 1 << 20) }

    @Test("the data kept last is there for the next process, until it is cleared")
    func kept() throws {
        try withFolder { path in
            #expect(open(path).newest == nil)
            for number in 1...5 {
                #expect(open(path).keep([1, 2, UInt8(number)]))
                #expect(open(path).newest == [1, 2, UInt8(number)])
            }
            open(path).clear()
            #expect(open(path).newest == nil)
            #expect(open(path).keep([9]))
            #expect(open(path).newest == [9])
        }
    }

    @Test("an interrupted write leaves the earlier data")
    func torn() throws {
        try withFolder { path in
            #expect(open(path).keep([1, 1]))
            #expect(open(path).keep([2, 2]))
            let file = try #require(FileHandle(forUpdatingAtPath: path + "-0"))
            try file.seek(toOffset: 33)
            try file.write(contentsOf: Data([7]))
            try file.close()
            #expect(open(path).newest == [1, 1])
        }
    }

    @Test("no more is kept than there is space for, and more if that space was allocated before")
    func room() throws {
        try withFolder { path in
            let pages = open(path)
            let large = [UInt8](repeating: 3, count: SparePages.leastRoomBytes)
            #expect(!pages.keep(large))
            pages.allocateSpace(for: large.count)
            #expect(pages.keep(large))
            #expect(open(path).newest == large)
        }
    }

    @Test("if the files cannot be created, nothing is kept")
    func noFolder() {
        let pages = open(NSTemporaryDirectory() + "none/such/p")
        pages.allocateSpace(for: 1)
        #expect(!pages.keep([1]))
    }
}
