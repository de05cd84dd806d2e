using BackupTool.Repositories.Chunks;

namespace BackupTool.Tests.Repositories.Chunks;

public class ChunkingParametersTests
{
    private static ChunkingParameters Default => ChunkingParameters.Default;

    [Fact]
    public void The_default_is_good() => Default.FindProblem().Should().BeNull();

    [Theory]
    [InlineData(0L, 16)]
    [InlineData(2L << 30, 16)]
    [InlineData((2L << 30) + 1, 32)]
    [InlineData(4L << 30, 32)]
    [InlineData((4L << 30) + 1, 64)]
    [InlineData(16L << 30, 128)]
    [InlineData((16L << 30) + 1, 256)]
    [InlineData(1L << 50, 256)]
    public void Chunks_of_a_database_grow_with_it(long databaseBytes, int chunkKibibytes) =>
        Default.DatabaseChunkBytes(databaseBytes).Should().Be(chunkKibibytes << 10);

    public static TheoryData<ChunkingParameters> Bad =>
    [
        Default with { AverageBytes = 1_000_000 },
        Default with { MetadataBytes = 30_000 },
        Default with { DatabaseBytes = 20_000 },
        Default with { DatabaseBytes = 0 },
        Default with { DatabaseBytes = 256 },
        Default with { DatabaseBytes = 1 << 20 },
        Default with { MinBytes = 0 },
        Default with { MinBytes = -1 },
        Default with { MinBytes = 2 << 20 },
        Default with { MaxBytes = 512 << 10 },
        Default with { MaxBytes = 32 << 20 },
        Default with { LargeFileBytes = 0 },
        Default with { LargeFileBytes = int.MaxValue },
        Default with { BundleBytes = 100 },
        Default with { BundleBytes = int.MaxValue },
        Default with { MetadataBytes = 128 },
        Default with { MetadataBytes = 8 << 20 },
        Default with { AverageBytes = int.MinValue },
    ];

    [Theory]
    [MemberData(nameof(Bad))]
    public void Parameters_that_cannot_work_are_refused(ChunkingParameters bad) => bad.FindProblem().Should().NotBeNull();
}
