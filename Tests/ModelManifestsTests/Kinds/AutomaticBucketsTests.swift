import ModelManifests
import Testing

@Suite struct AutomaticBucketsTests {
    @Test func `small whole numbers get one bucket each`() {
        let buckets = (0...10).map { AutomaticBuckets.bucket(of: Double($0)) }
        #expect(Set(buckets).count == 11)
        #expect(AutomaticBuckets.bucket(of: 0.5) != AutomaticBuckets.bucket(of: 0.05))
        #expect(AutomaticBuckets.bucket(of: 0.97) != AutomaticBuckets.bucket(of: 0.8))
    }

    @Test func `every value has a bucket, and numbers and texts share none`() throws {
        let numbers = [
            -.greatestFiniteMagnitude, -1e300, -20, -1, -0.01, -Double.leastNonzeroMagnitude, 0, 1e-9, 10.5, 1e300,
        ]
        .map { AutomaticBuckets.bucket(of: $0) }
        let texts = ["", "cat", "dog", "malignant", "benign", "é"].map { AutomaticBuckets.bucket(of: $0) }
        for bucket in try numbers.map({ try #require($0) }) + texts {
            #expect((0..<AutomaticBuckets.count).contains(bucket))
        }
        #expect(Set(numbers).isDisjoint(with: texts.map(Optional.some)))
        #expect(AutomaticBuckets.bucket(of: .nan) == nil)
        #expect(AutomaticBuckets.bucket(of: .infinity) == nil)
        #expect(AutomaticBuckets.count <= PredictionBuckets.countLimit)
    }

    @Test func `scaling a large number changes its bucket`() {
        for value in [11.0, 250, 4_000, 350_000] {
            #expect(AutomaticBuckets.bucket(of: value) != AutomaticBuckets.bucket(of: value * 2))
            #expect(AutomaticBuckets.bucket(of: -value) != AutomaticBuckets.bucket(of: -value * 2))
        }
    }

    @Test func `every bucket has a unique name`() {
        let labels = (0..<AutomaticBuckets.count).map { PredictionBuckets.automatic.label($0, of: "prediction") }
        #expect(Set(labels).count == labels.count)
        #expect(labels[AutomaticBuckets.bucket(of: 3)!] == "2 < prediction ≤ 3")
        #expect(labels[AutomaticBuckets.bucket(of: 0)!] == "prediction 0")
    }
}
