using BackupTool.Repositories.Chunks;

namespace BackupTool.Tests.Repositories.Chunks;

public class BufferPoolTests
{
    [Theory]
    [InlineData(1, 1 << 14)]
    [InlineData(1 << 14, 1 << 14)]
    [InlineData((1 << 14) + 1, 1 << 15)]
    [InlineData(3 << 20, 4 << 20)]
    public void Blocks_come_in_powers_of_two(int wanted, int capacity)
    {
        using var pool = new BufferPool();
        NativeBuffer buffer = pool.Rent(wanted);
        buffer.Capacity.Should().Be(capacity);
        buffer.GetSpan().Length.Should().Be(capacity);
        buffer.Memory.Length.Should().Be(capacity);
        buffer.Release();
    }

    [Fact]
    public void A_block_goes_back_with_its_last_user_and_is_given_out_again()
    {
        using var pool = new BufferPool();
        NativeBuffer buffer = pool.Rent(1000);
        buffer.Retain();
        buffer.Release();
        NativeBuffer other = pool.Rent(1000);
        other.Should().NotBeSameAs(buffer, "it has a user still");
        buffer.Release();
        pool.Rent(1000).Should().BeSameAs(buffer);
    }

    [Fact]
    public void Disposing_the_pool_spares_blocks_in_use()
    {
        var pool = new BufferPool();
        NativeBuffer inUse = pool.Rent(1 << 20), idle = pool.Rent(1 << 20);
        idle.Release();
        pool.Dispose();
        inUse.GetSpan().Fill(7);
        inUse.GetSpan().IndexOfAnyExcept((byte)7).Should().Be(-1);
        inUse.Release();
        pool.Dispose();
    }
}
