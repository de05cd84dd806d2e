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
    public void Disposing_the_pool_frees_what_a_failure_left_unreleased()
    {
        var pool = new BufferPool();
        pool.Rent(1 << 20).GetSpan().Fill(7);
        pool.Rent(1 << 20).Release();
        pool.AllocatedBytes.Should().Be(2 << 20);
        pool.Dispose();
        pool.AllocatedBytes.Should().Be(0);
        pool.Dispose();
    }

    [Fact]
    public void Idle_blocks_do_not_add_up()
    {
        using var pool = new BufferPool();
        NativeBuffer[] many = [.. Enumerable.Range(0, 100).Select(_ => pool.Rent(1 << 20))];
        foreach (NativeBuffer buffer in many) buffer.Release();
        pool.AllocatedBytes.Should().BeLessThanOrEqualTo(32 << 20);
    }
}
