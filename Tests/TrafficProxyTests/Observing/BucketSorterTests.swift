import ModelManifests
import Testing

@testable import TrafficProxy

@Suite struct BucketSorterTests {
    @Test("a number at an edge is in that bucket, and one above the last edge is in the rest")
    func edges() {
        let sorter = BucketSorter(.edges([0, 0.5, 1]))
        let sorted = [-5, 0, 0.1, 0.5, 0.50001, 1, 1.1, .infinity].map { sorter.bucket(.number($0)) }
        #expect(sorted == [0, 0, 1, 1, 2, 2, 3, 3])
    }

    @Test("a value that is not a number has no bucket between edges")
    func types() {
        let sorter = BucketSorter(.edges([0.5]))
        #expect(sorter.bucket(.string("0.2")) == nil)
        #expect(sorter.bucket(.boolean(true)) == nil)
    }

    @Test("a label has its bucket, and others share the last")
    func labels() {
        let sorter = BucketSorter(.classes(["cat", "dog"]))
        let sorted = ["cat", "dog", "bird", "Cat", ""].map { sorter.bucket(.string($0)) }
        #expect(sorted == [0, 1, 2, 2, 2])
    }

    @Test("classes may be numbers and booleans")
    func numbers() {
        let sorter = BucketSorter(.classes(["0", "1", "true"]))
        #expect(sorter.bucket(.number(1)) == 1)
        #expect(sorter.bucket(.number(0)) == 0)
        #expect(sorter.bucket(.number(0.5)) == 3)
        #expect(sorter.bucket(.string("1")) == 1)
        #expect(sorter.bucket(.boolean(true)) == 2)
        #expect(sorter.bucket(.boolean(false)) == 3)
    }
}
